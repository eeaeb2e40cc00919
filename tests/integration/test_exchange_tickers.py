"""Tickers, klines of UTC+8 and the oracle's trades: views of one book with the trade stream."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from conf.names import DAY_MS
from exchange.server import running
from tests.support.standin import closes_hour, control, read_until, rest_of, settings

pytestmark = pytest.mark.integration

BOUND_S = 20.0


async def test_the_book_ticker_follows_each_trade() -> None:
    async with running(settings()) as exchange:
        url = f"{exchange.ws_url}/stream?streams=btcusdt@trade/btcusdt@bookTicker"
        async with connect(url) as stream, asyncio.timeout(BOUND_S):
            await control(exchange, "/clock/start", {})
            messages = [json.loads(await stream.recv()) for _ in range(300)]

    by_stream: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in messages:
        by_stream[message["stream"]].append(message["data"])
    trades = {trade["t"]: trade for trade in by_stream["btcusdt@trade"]}
    tickers = by_stream["btcusdt@bookTicker"]
    assert len(tickers) > 100
    assert all(late["u"] == early["u"] + 1 for early, late in pairwise(tickers))
    for ticker in tickers:
        assert set(ticker) == {"u", "s", "b", "B", "a", "A"}
        trade = trades[ticker["u"]]  # already heard: the ticker comes after its trade
        assert ticker["b" if trade["m"] else "a"] == trade["p"]
        assert Decimal(ticker["b"]) < Decimal(ticker["a"])


async def test_mini_tickers_are_the_last_24_hours_of_the_trades() -> None:
    given = settings(ticker_interval_s=0.1, hold=False)
    async with running(given) as exchange:
        url = f"{exchange.ws_url}/stream?streams=dotusdt@miniTicker/!miniTicker@arr"
        async with connect(url) as stream, asyncio.timeout(BOUND_S):
            messages = [json.loads(await stream.recv()) for _ in range(8)]
        ticker = next(m["data"] for m in messages if m["stream"] == "dotusdt@miniTicker")
        past = await control(exchange, "/oracle/candles", symbol="DOTUSDT")
        from_id = [one for one in past if one["open_time_ms"] <= ticker["E"] - DAY_MS][-1]
        rows = await control(
            exchange, "/oracle/trades", symbol="DOTUSDT", from_id=from_id["first_trade_id"]
        )

    arrays = [m["data"] for m in messages if m["stream"] == "!miniTicker@arr"]
    assert {one["s"] for one in arrays[0]} == {"BTCUSDT", "DOTUSDT"}
    inside = [row for row in rows if ticker["E"] - DAY_MS < row["time"] <= ticker["E"]]
    prices = [Decimal(row["price"]) for row in inside]
    assert (ticker["o"], ticker["c"]) == (inside[0]["price"], inside[-1]["price"])
    assert (Decimal(ticker["h"]), Decimal(ticker["l"])) == (max(prices), min(prices))
    assert Decimal(ticker["v"]) == sum(Decimal(row["qty"]) for row in inside)
    assert Decimal(ticker["q"]) == sum(Decimal(row["quoteQty"]) for row in inside)


async def test_the_oracle_lists_every_trade_up_to_now_and_none_after() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        past = (await control(exchange, "/oracle/candles", symbol="BTCUSDT"))[-1]
        before = await control(
            exchange, "/oracle/trades", symbol="BTCUSDT", from_id=past["first_trade_id"]
        )
        page = await control(
            exchange, "/oracle/trades", symbol="BTCUSDT", from_id=before[3]["id"], limit=2
        )
        newest = (await rest.get("/trades", params={"symbol": "BTCUSDT", "limit": "1"})).json()
        async with connect(f"{exchange.ws_url}/stream?streams=btcusdt@kline_1h") as stream:
            await control(exchange, "/clock/start", {})
            await read_until(stream, closes_hour("BTCUSDT", 1, exchange))
        after = await control(
            exchange, "/oracle/trades", symbol="BTCUSDT", from_id=past["first_trade_id"]
        )

    assert [row["id"] for row in before] == [
        *range(past["first_trade_id"], past["last_trade_id"] + 1)
    ]
    assert page == before[3:5]
    assert newest == before[-1:]
    assert after[: len(before)] == before
    assert len(after) > len(before) + 50


@pytest.mark.parametrize(
    "query", ["", "?symbol=NOPEUSDT", "?symbol=BTCUSDT&from_id=x", "?symbol=BTCUSDT&limit=10001"]
)
async def test_a_wrong_question_to_the_oracle_is_refused(query: str) -> None:
    async with running(settings()) as exchange, httpx.AsyncClient() as client:
        answer = await client.get(f"{exchange.control_url}/oracle/trades{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_klines_of_utc_plus_8_on_the_stream() -> None:
    name = "btcusdt@kline_1h@+08:00"
    async with running(settings(hold=False)) as exchange:
        url = f"{exchange.ws_url}/stream?streams={name}"
        async with connect(url) as stream:
            messages = await read_until(stream, lambda m: m["data"]["k"]["x"])
        candle = await control(
            exchange,
            "/oracle/candles",
            symbol="BTCUSDT",
            start_ms=messages[-1]["data"]["k"]["t"],
            end_ms=messages[-1]["data"]["k"]["t"],
        )

    kline = messages[-1]["data"]["k"]
    assert {message["stream"] for message in messages} == {name}
    assert (kline["i"], kline["n"], kline["L"]) == (
        "1h",
        candle[0]["trades"],
        candle[0]["last_trade_id"],
    )


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbolStatus": "OPEN"}, -1122),
        ({"symbolStatus": "TRADING", "symbol": "BTCUSDT"}, -1128),
        ({"symbolStatus": "TRADING", "symbols": '["BTCUSDT"]'}, -1128),
    ],
)
async def test_a_wrong_symbol_status_is_refused(params: dict[str, str], code: int) -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        answer = await rest.get("/exchangeInfo", params=params)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
