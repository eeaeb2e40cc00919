"""While trading stops, goes on and bursts at random moments, all views stay those of one book."""

from __future__ import annotations

import asyncio
import json
import random
from itertools import pairwise
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from exchange.server import Exchange, running
from tests.support.standin import closes_hour, control, read_until, rest_of, settings

pytestmark = pytest.mark.integration

BOUND_S = 30.0
CHANGES = 30
KINDS = ("TRADING", "TRADING", "HALT", "BREAK", "CANCEL_ONLY", "burst")
STREAMS = "/".join(
    [
        "btcusdt@trade",
        *(f"dotusdt@{name}" for name in ("trade", "aggTrade", "bookTicker", "kline_1h")),
        "btcusdt@kline_1h",
    ]
)


async def change(exchange: Exchange, kind: str, rng: random.Random) -> None:
    body: dict[str, Any] = {"kind": "status", "symbol": "DOTUSDT", "status": kind}
    if kind == "burst":
        body = {"kind": "burst", "symbol": "DOTUSDT", "count": rng.randint(1, 2_000)}
    await control(exchange, "/faults", body)  # a burst while nothing trades is refused


async def hear(exchange: Exchange, stream: ClientConnection, seed: int) -> list[dict[str, Any]]:
    """Return what was heard while the book changed, up to a closed hour of regular trading."""
    rng = random.Random(seed)
    heard: list[dict[str, Any]] = []
    await control(exchange, "/clock/start", {})
    for _ in range(CHANGES):
        wanted = rng.randint(1, 400)  # of the symbol that goes on trading
        async with asyncio.timeout(BOUND_S):
            while wanted:
                heard.append(json.loads(await stream.recv()))
                wanted -= heard[-1]["stream"] == "btcusdt@trade"
        await change(exchange, rng.choice(KINDS), rng)
    await change(exchange, "TRADING", rng)
    now_ms = (await control(exchange, "/clock"))["now_ms"]
    hours = (now_ms - exchange.book.live_start_ms) // 3_600_000 + 2
    return await read_until(stream, closes_hour("DOTUSDT", hours, exchange), heard)


@pytest.mark.parametrize("seed", [1, 2])
async def test_streams_rest_and_oracle_agree_whatever_changes(seed: int) -> None:
    given = settings(speed=20_000.0, trades_per_hour=2_000, absent_ids=("DOTUSDT:1:17",))
    async with running(given) as exchange, rest_of(exchange) as rest:
        async with connect(f"{exchange.ws_url}/stream?streams={STREAMS}", max_queue=None) as stream:
            heard = await hear(exchange, stream, seed)
        by_stream: dict[str, list[dict[str, Any]]] = {name: [] for name in STREAMS.split("/")}
        for message in heard:
            by_stream[message["stream"]].append(message["data"])
        trades = by_stream["dotusdt@trade"]
        truth: list[dict[str, Any]] = []
        while len(truth) < len(trades):
            from_id = truth[-1]["id"] + 1 if truth else trades[0]["t"]
            truth += await control(exchange, "/oracle/trades", symbol="DOTUSDT", from_id=from_id)
        start_ms = exchange.book.live_start_ms
        candles = await control(exchange, "/oracle/candles", symbol="DOTUSDT", start_ms=start_ms)
        orders = by_stream["dotusdt@aggTrade"]
        page = {"symbol": "DOTUSDT", "fromId": str(orders[0]["a"]), "limit": "1000"}
        stored = (await rest.get("/aggTrades", params=page)).json()

    assert [(one["t"], one["p"], one["q"], one["T"]) for one in trades] == [
        (row["id"], row["price"], row["qty"], row["time"]) for row in truth[: len(trades)]
    ]
    check_closes(by_stream["dotusdt@kline_1h"], candles)
    assert all(late["a"] == early["a"] + 1 for early, late in pairwise(orders))
    shown = [{key: one[key] for key in "apqflTmM"} for one in orders]
    shared = min(len(shown), len(stored))
    assert shown[:shared] == stored[:shared]
    covered = [number for one in orders for number in range(one["f"], one["l"] + 1)]
    # the last turn's orders and tickers come after its trades, and may not have been heard
    assert covered == [one["t"] for one in trades][: len(covered)]
    updates = [one["u"] for one in by_stream["dotusdt@bookTicker"]]
    assert updates == [one["t"] for one in trades][: len(updates)]


def check_closes(klines: list[dict[str, Any]], candles: list[dict[str, Any]]) -> None:
    closed = [one["k"] for one in klines if one["k"]["x"]]
    assert len(closed) > 2
    assert [[kline[key] for key in "tnfLcv"] for kline in closed] == [
        [
            candle[name]
            for name in (
                "open_time_ms",
                "trades",
                "first_trade_id",
                "last_trade_id",
                "close",
                "volume",
            )
        ]
        for candle in candles[: len(closed)]
    ]
