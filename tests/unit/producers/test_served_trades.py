"""Trades from hosts that serve aggregates and recent trades only."""

from __future__ import annotations

from typing import Any

import pytest

from producers import served_trades
from producers.served_trades import UNKNOWN, trades_from

pytestmark = pytest.mark.unit


class Host:
    """Ids 1 to 40 in aggregates of one, two, one, two … trades; the last ten are recent."""

    def __init__(self) -> None:
        self.pages: list[dict[str, Any]] = []
        first = order = 1
        while first <= 40:
            last = min(first + (order + 1) % 2, 40)
            row = {"a": order, "p": "2.0", "q": "3.0", "f": first, "l": last, "T": first, "m": True}
            self.pages.append(row)
            first, order = last + 1, order + 1
        self.pages.insert(2, {"a": 0, "p": "0", "q": "0", "f": -1, "l": -1, "T": 3, "m": False})

    async def recent_trades(self, _symbol: str, limit: int) -> list[Any]:
        return [{"id": i} for i in range(31, 41)][-limit:]

    async def aggregates(
        self, _symbol: str, *, start_ms: int | None = None, from_id: int | None = None
    ) -> list[Any]:
        rows = [r for r in self.pages if r["T"] >= (start_ms or 0) and r["a"] >= (from_id or 0)]
        return rows[: served_trades.PAGE]


async def test_recent_ones_are_whole() -> None:
    rows = await trades_from(Host(), "BTCUSDT", 33, 4, None)
    assert rows == [{"id": 33}, {"id": 34}, {"id": 35}, {"id": 36}]


async def test_older_ones_come_from_aggregates_page_by_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(served_trades, "PAGE", 4)
    rows = await trades_from(Host(), "BTCUSDT", 5, 20, 1)
    assert [row["id"] for row in rows] == list(range(5, 25))
    whole = [row["id"] for row in rows if UNKNOWN not in row]
    assert whole == [7, 10, 13, 16, 19, 22]
    assert rows[2] == {"id": 7, "price": "2.0", "qty": "3.0", "time": 7, "isBuyerMaker": True}
    assert "aggregate trade 4" in rows[1][UNKNOWN]


async def test_without_a_time_older_ones_are_not_found() -> None:
    assert await trades_from(Host(), "BTCUSDT", 5, 20, None) == []
