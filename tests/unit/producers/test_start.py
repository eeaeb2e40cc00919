"""The first trade of the running hour, found by REST questions alone."""

from __future__ import annotations

from typing import Any

import pytest

from conf.names import HOUR_MS
from producers.questions import Start
from producers.rest_client import RestClient
from producers.start import find_start

pytestmark = pytest.mark.unit

H0 = 1_700_000 * HOUR_MS


class Rest(RestClient):
    """REST over a list of (id, time); `aggTrades` shows only ids from `aggregated_from` on."""

    def __init__(self, trades: list[tuple[int, int]], now_ms: int, hidden_below: int = 0) -> None:
        self.trades = trades
        self.now_ms = now_ms
        self.hidden_below = hidden_below

    async def server_time_ms(self) -> int:
        return self.now_ms

    async def historical_trades(
        self, symbol: str, limit: int, from_id: int | None = None, since_ms: int | None = None
    ) -> list[Any]:
        known = [{"id": i, "time": t} for i, t in self.trades if i >= self.hidden_below]
        if from_id is None:
            return known[-limit:]
        return [row for row in known if row["id"] >= from_id][:limit]

    async def first_aggregate_since(self, symbol: str, start_ms: int) -> dict[str, Any] | None:
        return next(
            ({"f": i} for i, t in self.trades if t >= start_ms and i >= self.hidden_below), None
        )


async def test_the_hours_first_trade() -> None:
    rest = Rest([(5, H0 - 1), (6, H0), (7, H0 + 1)], H0 + 60_000)
    assert await find_start(rest, "BTCUSDT", None) == Start(5, H0, H0, 6)


async def test_no_trade_in_the_hour_yet() -> None:
    rest = Rest([(4, H0 - 2), (5, H0 - 1)], H0 + 60_000)
    assert await find_start(rest, "BTCUSDT", 6) == Start(5, H0, H0, 6, None, H0)


async def test_the_trade_before_cannot_be_had() -> None:
    rest = Rest([(5, H0 - 1), (6, H0)], H0 + 60_000, hidden_below=6)
    assert await find_start(rest, "BTCUSDT", None) == Start(5, H0, H0, 6, 6)


@pytest.mark.parametrize("first_id", [0, 1])
async def test_the_symbols_very_first_trade_is_a_whole_hour(first_id: int) -> None:
    """Ids start at 0 or 1: there is nothing before."""
    rest = Rest([(first_id, H0 + 5)], H0 + 60_000)
    assert await find_start(rest, "BTCUSDT", None) == Start(first_id - 1, H0, H0, first_id)


async def test_earlier_trades_of_the_hour_come_first() -> None:
    """`aggTrades` starts with an aggregate; trades before it can still be of the hour."""

    class Late(Rest):
        async def first_aggregate_since(self, symbol: str, start_ms: int) -> dict[str, Any] | None:
            return {"f": 8}

    rest = Late([(5, H0 - 1), (6, H0), (7, H0), (8, H0 + 1)], H0 + 60_000)
    assert await find_start(rest, "BTCUSDT", None) == Start(5, H0, H0, 6)


async def test_rest_knows_nothing() -> None:
    assert await find_start(Rest([], H0), "BTCUSDT", None) is None
    assert await find_start(Rest([], H0), "BTCUSDT", 7) == Start(6, H0, H0, 7, 7)


async def test_from_a_given_hour() -> None:
    rest = Rest([(5, H0 - 1), (6, H0), (7, H0 + HOUR_MS)], H0 + HOUR_MS + 60_000)
    assert await find_start(rest, "BTCUSDT", None, H0) == Start(5, H0, H0, 6)
