"""The stand-in exchange's websockets: one book with REST and the oracle, control, pings, cuts."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import connect

from conf.names import HOUR_MS
from exchange.server import running
from tests.support.standin import closes_hour, control, read_until, rest_of, settings

pytestmark = pytest.mark.integration


STREAMS = "btcusdt@trade/btcusdt@kline_1h/btcusdt@aggTrade/dotusdt@trade/dotusdt@kline_1h"


async def test_streams_klines_rest_and_oracle_are_one_book() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        async with connect(f"{exchange.ws_url}/stream?streams={STREAMS}") as stream:
            await control(exchange, "/clock/start", {})
            messages = await read_until(stream, closes_hour("DOTUSDT", 3, exchange))
        oracle = await control(
            exchange, "/oracle/candles", symbol="BTCUSDT", start_ms=exchange.book.live_start_ms
        )
        pages = (
            await rest.get(
                "/historicalTrades",
                params={
                    "symbol": "BTCUSDT",
                    "fromId": oracle[0]["first_trade_id"],
                    "limit": 1000,
                },
            )
        ).json()
        klines = (
            await rest.get(
                "/klines",
                params={
                    "symbol": "BTCUSDT",
                    "interval": "1h",
                    "startTime": exchange.book.live_start_ms,
                    "limit": 3,
                },
            )
        ).json()

    by_hour: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    data = [message["data"] for message in messages]
    for trade in data:
        if trade["e"] == "trade" and trade["s"] == "BTCUSDT":
            by_hour[trade["T"] // HOUR_MS * HOUR_MS].append(trade)
    for candle, kline in zip(oracle[:3], klines, strict=True):
        trades = by_hour[candle["open_time_ms"]]
        prices = [Decimal(trade["p"]) for trade in trades]
        assert [trade["t"] for trade in trades] == list(
            range(candle["first_trade_id"], candle["last_trade_id"] + 1)
        )
        assert len(trades) == candle["trades"]
        assert [trades[0]["p"], trades[-1]["p"]] == [candle["open"], candle["close"]]
        assert [max(prices), min(prices)] == [Decimal(candle["high"]), Decimal(candle["low"])]
        assert sum(Decimal(t["q"]) for t in trades) == Decimal(candle["volume"])
        assert sum(Decimal(t["q"]) * Decimal(t["p"]) for t in trades) == Decimal(
            candle["quote_volume"]
        )
        bought = [trade for trade in trades if not trade["m"]]
        assert sum(Decimal(t["q"]) for t in bought) == Decimal(candle["taker_buy_volume"])
        assert all(trade["T"] <= trade["E"] for trade in trades)
        assert kline[1:6] == [candle[name] for name in ("open", "high", "low", "close", "volume")]
        assert kline[7:11] == [
            candle["quote_volume"],
            candle["trades"],
            candle["taker_buy_volume"],
            candle["taker_buy_quote_volume"],
        ]
    ids = [row["id"] for row in pages]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert [row["price"] for row in pages[:20]] == [
        trade["p"] for trade in by_hour[exchange.book.live_start_ms][:20]
    ]
    check_aggregates([one for one in data if one["e"] == "aggTrade"], by_hour)
    check_closes([one for one in data if one["e"] == "kline"], exchange.book.live_start_ms)


def check_aggregates(
    aggregates: list[dict[str, Any]], by_hour: dict[int, list[dict[str, Any]]]
) -> None:
    trades = {trade["t"]: trade for hour in by_hour.values() for trade in hour}
    assert aggregates
    for before, one in pairwise(aggregates):
        assert one["a"] == before["a"] + 1
        assert one["f"] == before["l"] + 1
    for one in aggregates:
        fills = [trades[trade_id] for trade_id in range(one["f"], one["l"] + 1)]
        assert sum(Decimal(fill["q"]) for fill in fills) == Decimal(one["q"])
        assert {(fill["p"], fill["m"], fill["T"]) for fill in fills} == {
            (one["p"], one["m"], one["T"])
        }


def check_closes(klines: list[dict[str, Any]], start_ms: int) -> None:
    closed = [(one["s"], one["k"]["t"]) for one in klines if one["k"]["x"]]
    assert closed == [
        (symbol, start_ms + hour * HOUR_MS)
        for hour in range(3)
        for symbol in ("BTCUSDT", "DOTUSDT")
    ]
    assert any(not one["k"]["x"] for one in klines)
    for one in klines:
        assert one["E"] >= (one["k"]["T"] if one["k"]["x"] else one["k"]["t"])


async def test_the_clock_stands_until_it_is_started() -> None:
    async with running(settings()) as exchange:
        first = await control(exchange, "/clock")
        second = await control(exchange, "/clock")
        started = await control(exchange, "/clock/start", {})

    assert first == second
    assert first == {
        "now_ms": exchange.book.live_start_ms,
        "speed": 6_000.0,
        "running": False,
    }
    assert started["running"]


async def test_quiet_and_halted_hours_on_the_stream() -> None:
    given = settings(quiet_hours=("DOTUSDT:0",), halted_hours=("*:1",))
    async with running(given) as exchange:
        async with connect(f"{exchange.ws_url}/stream?streams=dotusdt@kline_1h") as stream:
            await control(exchange, "/clock/start", {})
            messages = await read_until(stream, closes_hour("DOTUSDT", 3, exchange))
        candles = await control(
            exchange, "/oracle/candles", symbol="DOTUSDT", start_ms=exchange.book.live_start_ms
        )

    closed = [m["data"]["k"] for m in messages if m["data"]["k"]["x"]]
    hours = [(kline["t"] - exchange.book.live_start_ms) // HOUR_MS for kline in closed]
    assert hours == [0, 2]
    assert (closed[0]["f"], closed[0]["L"], closed[0]["n"]) == (-1, -1, 0)
    assert len({closed[0][name] for name in "ohlc"}) == 1
    assert [candle["open_time_ms"] for candle in candles[:2]] == [k["t"] for k in closed]


async def test_raw_streams_and_control_messages() -> None:
    async with running(settings(hold=False)) as exchange:
        async with connect(f"{exchange.ws_url}/ws/btcusdt@trade/dotusdt@trade") as raw:
            messages = await read_until(raw, lambda m: m["s"] == "DOTUSDT")
            assert {m["e"] for m in messages} == {"trade"}
        async with connect(f"{exchange.ws_url}/ws") as bare:
            subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 7}
            await bare.send(json.dumps(subscribe))
            seen = await read_until(bare, lambda m: m.get("e") == "trade")
            assert seen[0] == {"result": None, "id": 7}
            await bare.send('{"method":"SET_PROPERTY","params":["combined",true],"id":8}')
            wrapped = await read_until(bare, lambda m: "stream" in m)
            assert {"result": None, "id": 8} in wrapped
            assert wrapped[-1]["stream"] == "btcusdt@trade"


async def test_an_unknown_symbol_subscribes_and_stays_silent() -> None:
    streams = "nosuch@trade/btcusdt@trade"
    async with (
        running(settings(hold=False)) as exchange,
        connect(f"{exchange.ws_url}/stream?streams={streams}") as stream,
    ):
        messages = [json.loads(await stream.recv()) for _ in range(30)]

    assert {message["stream"] for message in messages} == {"btcusdt@trade"}


async def test_the_oracle_tells_when_closed_klines_were_sent() -> None:
    async with running(settings()) as exchange:
        async with connect(f"{exchange.ws_url}/stream?streams=btcusdt@kline_1h") as stream:
            await control(exchange, "/clock/start", {})
            await read_until(stream, closes_hour("BTCUSDT", 2, exchange))
        closes = await control(exchange, "/oracle/closes")
        later = await control(exchange, "/oracle/closes", since_ms=closes[0]["sent_wall_ms"] + 1)

    assert [close["open_time_ms"] for close in closes[:2]] == [
        exchange.book.live_start_ms,
        exchange.book.live_start_ms + HOUR_MS,
    ]
    assert {close["symbol"] for close in closes} == {"BTCUSDT"}  # nobody listened to DOTUSDT
    assert closes[0] not in later


async def test_microseconds_on_request() -> None:
    async with running(settings(hold=False)) as exchange, rest_of(exchange) as rest:
        micro = {"X-MBX-TIME-UNIT": "MICROSECOND"}
        url = f"{exchange.ws_url}/stream?streams=btcusdt@trade&timeUnit=microsecond"
        async with connect(url) as stream:
            trade = json.loads(await stream.recv())["data"]
        asked = {"symbol": "BTCUSDT", "fromId": trade["t"], "limit": 1}
        milli_row = (await rest.get("/historicalTrades", params=asked)).json()[0]
        micro_row = (await rest.get("/historicalTrades", params=asked, headers=micro)).json()[0]
        hour = {"symbol": "BTCUSDT", "interval": "1h", "limit": 1}
        hour["startTime"] = str((exchange.book.live_start_ms - HOUR_MS) * 1000)
        kline = (await rest.get("/klines", params=hour, headers=micro)).json()[0]
        wrong = await rest.get("/time", headers={"X-MBX-TIME-UNIT": "DAY"})
        with pytest.raises(websockets.InvalidStatus):
            await connect(f"{exchange.ws_url}/ws/btcusdt@trade?timeUnit=DAY")

    assert trade["T"] == micro_row["time"] == milli_row["time"] * 1000
    assert kline[0] == (exchange.book.live_start_ms - HOUR_MS) * 1000
    assert kline[6] == exchange.book.live_start_ms * 1000 - 1
    assert wrong.json()["code"] == -1194
