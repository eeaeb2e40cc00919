"""A capture with other streams mixed in, over the exchange's sockets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from conf.names import HOUR_MS
from exchange.server import running
from tests.support.standin import control, rest_of, settings

pytestmark = pytest.mark.integration

BOUND_S = 20.0


def capture_lines(end_ms: int) -> list[str]:
    """Both symbols across an hour boundary; only BTCUSDT's own kline was recorded."""

    def trade(symbol: str, trade_id: int, time_ms: int, price: str) -> str:
        return (
            f'{{"stream":"{symbol.lower()}@trade","data":{{"e":"trade","E":{time_ms + 2},'
            f'"s":"{symbol}","t":{trade_id},"p":"{price}","q":"0.5","T":{time_ms},"m":true,"M":true}}}}'
        )

    ticker = '{"stream":"btcusdt@bookTicker","data":{"u":4,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'
    kline = (
        f'{{"stream":"btcusdt@kline_1h","data":{{"e":"kline","E":{end_ms + 4},"s":"BTCUSDT",'
        f'"k":{{"t":{end_ms - HOUR_MS},"T":{end_ms - 1},"x":true,"recorded":1.50}}}}}}'
    )
    return [
        trade("BTCUSDT", 11, end_ms - 20_000, "61000.10"),
        ticker,
        trade("ETHUSDT", 71, end_ms - 15_000, "2600.5"),
        "not a message",
        trade("BTCUSDT", 12, end_ms - 1, "61000.20"),
        kline,
        trade("ETHUSDT", 72, end_ms + 9_000, "2601.0"),
    ]


async def test_a_capture_with_other_streams(tmp_path: Path) -> None:
    end_ms = 1_723_161_600_000
    lines = capture_lines(end_ms)
    path = tmp_path / "capture.jsonl"
    path.write_text("\n".join(lines))
    given = settings(capture=path, speed=60.0)
    names = "btcusdt@trade/btcusdt@kline_1h/ethusdt@trade/ethusdt@kline_1h"
    async with running(given) as exchange, rest_of(exchange) as rest:
        async with (
            connect(f"{exchange.ws_url}/stream?streams={names}") as stream,
            connect(f"{exchange.ws_url}/ws/btcusdt@bookTicker") as tickers,
        ):
            await control(exchange, "/clock/start", {})
            async with asyncio.timeout(BOUND_S):
                seen = [str(message) async for message in stream]
                ticks = [str(message) async for message in tickers]
        async with connect(f"{exchange.ws_url}/ws/btcusdt@trade") as late:
            assert [message async for message in late] == []
        info = (await rest.get("/exchangeInfo")).json()
        trades = (await rest.get("/historicalTrades", params={"symbol": "BTCUSDT"})).json()
        candles = await control(exchange, "/oracle/candles")
        status = await control(exchange, "/status")

    assert (stream.close_code, stream.close_reason) == (1000, "end of capture")
    assert (late.close_code, late.close_reason) == (1000, "end of capture")
    derived = [one for one in seen if "ethusdt@kline_1h" in one and '"x":true' in one]
    recorded = [one for one in seen if "kline_1h" not in one or "recorded" in one]
    assert recorded == [line for line in lines if '"stream"' in line and "bookTicker" not in line]
    assert [json.loads(one)["data"]["k"]["c"] for one in derived] == ["2600.50000000"]
    assert ticks == ['{"u":4,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}']
    assert [one["symbol"] for one in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert [one["id"] for one in trades] == [11, 12]
    assert [(one["symbol"], one["close"]) for one in candles] == [
        ("BTCUSDT", "61000.20000000"),
        ("ETHUSDT", "2600.50000000"),
    ]
    assert (status["finished"], status["trades_sent"]) == (True, 4)


async def test_faults_of_a_replay_and_what_a_capture_cannot_do(tmp_path: Path) -> None:
    lines = capture_lines(1_723_161_600_000)
    path = tmp_path / "capture.jsonl"
    path.write_text("\n".join(lines))
    given = settings(capture=path, speed=600.0)
    async with running(given) as exchange:
        names = "btcusdt@trade/ethusdt@trade"
        async with connect(f"{exchange.ws_url}/stream?streams={names}") as stream:
            for kind, symbol in (("duplicate", "BTCUSDT"), ("reorder", "ETHUSDT")):
                await control(exchange, "/faults", {"kind": kind, "symbol": symbol})
            burst = await control(exchange, "/faults", {"kind": "burst", "symbol": "BTCUSDT"})
            halt = await control(exchange, "/symbols", {"symbol": "BTCUSDT", "status": "HALT"})
            await control(exchange, "/clock/start", {})
            async with asyncio.timeout(BOUND_S):
                seen = [str(message) async for message in stream]

    assert "capture" in burst["error"]
    assert "capture" in halt["error"]
    recorded = [line for line in lines if "@trade" in line]
    assert seen == [recorded[0], recorded[0], recorded[2], recorded[3], recorded[1]]
