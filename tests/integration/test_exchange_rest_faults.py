"""Faults of the REST API, symbol statuses, bursts and absent ids: one book in every view."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from conf.names import HOUR_MS
from exchange.server import Exchange, running
from tests.support.standin import closes_hour, control, read_until, rest_of, settings

pytestmark = pytest.mark.integration

BOUND_S = 20.0
TRADES = {"symbol": "BTCUSDT", "fromId": "1", "limit": "5"}


async def faults(exchange: Exchange, *bodies: dict[str, Any]) -> None:
    for body in bodies:
        assert "error" not in await control(exchange, "/faults", body)


async def test_an_error_may_be_json_html_or_empty_and_say_when_to_come_back() -> None:
    error = {"kind": "rest_error"}
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        await faults(
            exchange,
            {**error, "status": 429, "retry_after_s": 7},
            {**error, "status": 403, "form": "html"},
            {**error, "status": 502, "form": "empty"},
            {**error, "status": 504},
            {**error, "status": 500, "code": -1001},
        )
        answers = [await rest.get("/ping") for _ in range(6)]
        state = await control(exchange, "/faults")

    assert [answer.status_code for answer in answers] == [429, 403, 502, 504, 500, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].json()["code"] == -1003
    assert answers[1].headers["Content-Type"].startswith("text/html")
    assert "<html>" in answers[1].text
    assert answers[2].content == b""
    assert [answer.json()["code"] for answer in answers[3:5]] == [-1007, -1001]
    assert all(answer.headers["X-MBX-USED-WEIGHT-1M"] for answer in answers)
    assert state == {"injected": {"rest_error": 5}, "waiting": {}}


async def test_an_error_of_one_path_leaves_the_others_alone() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        await faults(
            exchange,
            {"kind": "rest_error", "status": 503, "path": "historicalTrades", "count": 2},
        )
        recent = await rest.get("/trades", params={"symbol": "BTCUSDT"})
        answers = [await rest.get("/historicalTrades", params=TRADES) for _ in range(3)]

    assert recent.status_code == 200
    assert [answer.status_code for answer in answers] == [503, 503, 200]


async def test_a_stalled_request_is_answered_later() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        await faults(exchange, {"kind": "rest_stall", "seconds": 0.5})
        begin_s = time.monotonic()
        stalled = asyncio.create_task(rest.get("/ping"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(stalled), 0.2)
        prompt = await rest.get("/ping")
        is_first = not stalled.done()
        late = await stalled

    assert (prompt.status_code, late.status_code, is_first) == (200, 200, True)
    assert time.monotonic() - begin_s >= 0.5


async def test_the_database_trails_and_memory_does_not() -> None:
    async with running(settings(rest_lag_ms=2 * HOUR_MS)) as exchange, rest_of(exchange) as rest:
        now_ms = exchange.book.live_start_ms
        symbol = {"symbol": "BTCUSDT", "limit": "1"}
        recent = (await rest.get("/trades", params=symbol)).json()
        stored = (await rest.get("/historicalTrades", params=symbol)).json()
        order = (await rest.get("/aggTrades", params=symbol)).json()
        kline = (await rest.get("/klines", params={**symbol, "interval": "1h"})).json()
        server = (await rest.get("/time")).json()
        await faults(exchange, {"kind": "rest_lag", "ms": 0})
        caught_up = (await rest.get("/historicalTrades", params=symbol)).json()

    assert recent[0]["time"] > now_ms - HOUR_MS
    assert now_ms - 3 * HOUR_MS < stored[0]["time"] <= now_ms - 2 * HOUR_MS
    assert order[0]["T"] <= now_ms - 2 * HOUR_MS
    assert kline[0][0] == now_ms - 2 * HOUR_MS
    assert server == {"serverTime": now_ms}
    assert caught_up == recent


async def test_a_market_data_host_has_no_historical_trades() -> None:
    given = settings(serves_historical_trades=False)
    async with running(given) as exchange, rest_of(exchange) as rest:
        missing = await rest.get("/historicalTrades", params=TRADES)
        recent = await rest.get("/trades", params={"symbol": "BTCUSDT"})
        orders = await rest.get("/aggTrades", params={"symbol": "BTCUSDT"})

    assert missing.status_code == 404
    assert missing.headers["Content-Type"].startswith("text/html")
    assert (recent.status_code, orders.status_code) == (200, 200)


async def set_status(exchange: Exchange, symbol: str, status: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=exchange.control_url) as client:
        return await client.post("/symbols", json={"symbol": symbol, "status": status})


@pytest.mark.parametrize(("status", "hours"), [("BREAK", [0, 2]), ("HALT", [0, 1, 2])])
async def test_trading_stops_at_once_and_resumes_with_the_next_hour(
    status: str, hours: list[int]
) -> None:
    async with running(settings(speed=3_600.0)) as exchange, rest_of(exchange) as rest:
        start_ms = exchange.book.live_start_ms
        url = f"{exchange.ws_url}/stream?streams=dotusdt@trade/dotusdt@kline_1h/btcusdt@kline_1h"
        async with connect(url) as stream:
            await control(exchange, "/clock/start", {})
            heard = await read_until(stream, lambda m: m["data"]["e"] == "trade")
            stopped_ms = (await set_status(exchange, "DOTUSDT", status)).json()["from_ms"]
            info = (await rest.get("/exchangeInfo", params={"symbolStatus": status})).json()
            await read_until(stream, closes_hour("BTCUSDT", 1, exchange), heard)
            resumed_ms = (await set_status(exchange, "DOTUSDT", "TRADING")).json()["from_ms"]
            await read_until(stream, closes_hour("DOTUSDT", 3, exchange), heard)
        asked = {"symbol": "DOTUSDT", "start_ms": start_ms}
        candles = await control(exchange, "/oracle/candles", **asked)
        from_id = candles[0]["first_trade_id"]
        truth = await control(exchange, "/oracle/trades", symbol="DOTUSDT", from_id=from_id)
        klines = (
            await rest.get(
                "/klines", params={"symbol": "DOTUSDT", "interval": "1h", "startTime": start_ms}
            )
        ).json()

    assert [one["symbol"] for one in info["symbols"]] == ["DOTUSDT"]
    assert resumed_ms == start_ms + 2 * HOUR_MS
    data = [message["data"] for message in heard]
    trades = [one for one in data if one["e"] == "trade"]
    closed = [one["k"] for one in data if one["e"] == "kline" and one["s"] == "DOTUSDT"]
    closed = [kline for kline in closed if kline["x"]]
    assert [(kline["t"] - start_ms) // HOUR_MS for kline in closed] == hours
    assert not [one for one in trades if stopped_ms < one["T"] < resumed_ms]
    assert [one["t"] for one in trades] == [row["id"] for row in truth[: len(trades)]]
    assert closed[0]["L"] + 1 == closed[-1]["f"]
    assert closed[0]["n"] == len([one for one in trades if one["T"] <= stopped_ms])
    for kline, candle, row in zip(closed, candles, klines, strict=False):
        assert candle["open_time_ms"] == kline["t"] == row[0]
        assert (candle["trades"], candle["close"]) == (kline["n"], kline["c"]) == (row[8], row[4])


async def test_a_delisted_symbol_is_unknown_to_rest_and_silent() -> None:
    async with running(settings(hold=False)) as exchange, rest_of(exchange) as rest:
        await set_status(exchange, "DOTUSDT", "DELISTED")
        answer = await rest.get("/klines", params={"symbol": "DOTUSDT", "interval": "1h"})
        info = (await rest.get("/exchangeInfo")).json()
        streams = (
            "dotusdt@trade/dotusdt@kline_1h/dotusdt@kline_1m/dotusdt@bookTicker/dotusdt@miniTicker"
        )
        url = f"{exchange.ws_url}/stream?streams={streams}/btcusdt@kline_1h"
        async with connect(url) as stream:
            clock = await control(exchange, "/clock")
            hours = (clock["now_ms"] - exchange.book.live_start_ms) // HOUR_MS + 2
            messages = await read_until(stream, closes_hour("BTCUSDT", hours, exchange))

    assert answer.json()["code"] == -1121
    assert [one["symbol"] for one in info["symbols"]] == ["BTCUSDT"]
    assert {message["stream"] for message in messages} == {"btcusdt@kline_1h"}


async def test_a_burst_is_part_of_the_book() -> None:
    async with running(settings(speed=3_600.0)) as exchange, rest_of(exchange) as rest:
        start_ms = exchange.book.live_start_ms
        burst = {"kind": "burst", "symbol": "BTCUSDT", "count": 3_000}
        answer = await control(exchange, "/faults", burst)
        streams = "btcusdt@trade/btcusdt@kline_1h"
        async with connect(f"{exchange.ws_url}/stream?streams={streams}", max_queue=None) as stream:
            await control(exchange, "/clock/start", {})
            messages = await read_until(stream, closes_hour("BTCUSDT", 3, exchange))
        data = [message["data"] for message in messages]
        kline = next(
            one["k"]
            for one in data
            if one["e"] == "kline" and one["k"]["x"] and one["k"]["t"] == answer["open_time_ms"]
        )
        asked = {"symbol": "BTCUSDT", "interval": "1h", "startTime": kline["t"], "limit": 1}
        row = (await rest.get("/klines", params=asked)).json()[0]
        truth = await control(
            exchange, "/oracle/trades", symbol="BTCUSDT", from_id=kline["f"], limit=kline["n"]
        )

    assert answer["open_time_ms"] == start_ms + HOUR_MS
    trades = [one for one in data if one["e"] == "trade"]
    assert [one["t"] for one in trades] == [*range(trades[0]["t"], trades[-1]["t"] + 1)]
    inside = [one for one in trades if kline["f"] <= one["t"] <= kline["L"]]
    assert len(inside) == kline["n"] == row[8] > 3_000
    shown = [(one["id"], one["price"], one["qty"], one["time"]) for one in truth]
    assert [(one["t"], one["p"], one["q"], one["T"]) for one in inside] == shown
    times = [one["T"] for one in inside]
    assert max(late - early for early, late in zip(times, times[2_999:], strict=False)) < HOUR_MS
    assert any(late - early < 1_000 for early, late in zip(times, times[2_999:], strict=False))


async def test_ids_that_never_existed_are_missing_everywhere() -> None:
    async with (
        running(settings(absent_ids=("BTCUSDT:0:25",))) as exchange,
        rest_of(exchange) as rest,
    ):
        streams = "btcusdt@trade/btcusdt@kline_1h"
        async with connect(f"{exchange.ws_url}/stream?streams={streams}") as stream:
            await control(exchange, "/clock/start", {})
            messages = await read_until(stream, closes_hour("BTCUSDT", 2, exchange))
        data = [message["data"] for message in messages]
        ids = [one["t"] for one in data if one["e"] == "trade"]
        first, second = [one["k"] for one in data if one["e"] == "kline" and one["k"]["x"]]
        truth = await control(exchange, "/oracle/trades", symbol="BTCUSDT", from_id=ids[0])
        hole = next(early for early, late in pairwise(ids) if late > early + 1)
        asked = {"symbol": "BTCUSDT", "fromId": hole + 1, "limit": 1}
        after = (await rest.get("/historicalTrades", params=asked)).json()

    steps = [late - early for early, late in pairwise(ids)]
    assert sorted(set(steps)) == [1, 26]
    assert steps.count(26) == 1
    assert first["f"] < hole < first["L"]
    assert first["L"] - first["f"] + 1 == first["n"] + 25
    assert second["f"] == first["L"] + 1
    assert second["L"] - second["f"] + 1 == second["n"]
    assert [row["id"] for row in truth[: len(ids)]] == ids
    assert after[0]["id"] == hole + 26
