"""The stand-in exchange's REST API: errors, filters, aggregates, weights."""

from __future__ import annotations

from typing import Any

import pytest

from conf.names import HOUR_MS
from exchange.server import running
from tests.support.standin import rest_of, settings

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/klines", {"interval": "1h"}, 400, -1102),
        ("/klines", {"symbol": "BTCUSDT"}, 400, -1102),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1H"}, 400, -1120),
        ("/klines", {"symbol": "NOPEUSDT", "interval": "1h"}, 400, -1121),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1h", "startTime": "x"}, 400, -1100),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1h", "limit": "0"}, 400, -1130),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1h", "timeZone": "15"}, 400, -1130),
        ("/historicalTrades", {"symbol": "NOPEUSDT"}, 400, -1121),
        ("/aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, 400, -1128),
        ("/exchangeInfo", {"symbol": "NOPEUSDT"}, 400, -1121),
        ("/exchangeInfo", {"symbols": '["BTCUSDT","NOPEUSDT"]'}, 400, -1121),
        ("/exchangeInfo", {"symbols": "BTCUSDT"}, 400, -1100),
    ],
)
async def test_errors_have_a_code_and_a_message(
    path: str, params: dict[str, str], status: int, code: int
) -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        answer = await rest.get(path, params=params)

    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json()["msg"]


async def test_exchange_info_shows_ticks_and_steps_and_halts() -> None:
    async with (
        running(settings(halted_hours=("DOTUSDT:0",))) as exchange,
        rest_of(exchange) as rest,
    ):
        answer = await rest.get("/exchangeInfo", params={"symbols": '["BTCUSDT","DOTUSDT"]'})

    btc, dot = answer.json()["symbols"]
    filters = {one["filterType"]: one for one in btc["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert (btc["status"], dot["status"]) == ("TRADING", "BREAK")
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "20"


async def test_aggregates_by_id_and_by_time_agree_with_trades() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        start_ms = exchange.book.live_start_ms - 5 * HOUR_MS
        window: dict[str, Any] = {"symbol": "BTCUSDT", "startTime": start_ms, "limit": 1000}
        by_time = (await rest.get("/aggTrades", params=window)).json()
        following: dict[str, Any] = {"symbol": "BTCUSDT", "fromId": by_time[3]["a"], "limit": 5}
        by_id = (await rest.get("/aggTrades", params=following)).json()
        latest = (await rest.get("/aggTrades", params={"symbol": "BTCUSDT", "limit": 3})).json()
        ended = (
            await rest.get("/aggTrades", params={**window, "endTime": start_ms + HOUR_MS - 1})
        ).json()
        recent = (await rest.get("/trades", params={"symbol": "BTCUSDT", "limit": 2})).json()
        newest = (
            await rest.get("/historicalTrades", params={"symbol": "BTCUSDT", "limit": 2})
        ).json()

    assert by_time[0]["T"] >= start_ms
    assert by_id == by_time[3:8]
    assert all(start_ms <= one["T"] < start_ms + HOUR_MS for one in ended)
    assert ended == by_time[: len(ended)]
    assert latest[-1]["l"] == recent[-1]["id"]
    assert recent == newest


async def test_a_time_zone_shifts_days_and_not_the_bounds() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        start_ms = exchange.book.live_start_ms
        days = {"symbol": "BTCUSDT", "interval": "1d", "timeZone": "8"}
        asked: dict[str, Any] = {
            **days,
            "startTime": start_ms - 48 * HOUR_MS,
            "endTime": start_ms - 1,
        }
        rows = (await rest.get("/klines", params=asked)).json()

    assert [(row[0] - start_ms) // HOUR_MS for row in rows] == [-32, -8]
    assert rows[0][6] == rows[1][0] - 1


async def test_too_much_weight_is_answered_with_429() -> None:
    async with running(settings(weight_limit=50)) as exchange, rest_of(exchange) as rest:
        answers = [await rest.get("/trades", params={"symbol": "BTCUSDT"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == -1003
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
