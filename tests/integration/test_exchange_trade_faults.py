"""Faults of single trades and closed hours on the streams; REST keeps the truth."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from conf.names import HOUR_MS
from exchange.server import Exchange, running
from tests.support.standin import closes_hour, control, read_until, rest_of, settings, until_closed

pytestmark = pytest.mark.integration

BOUND_S = 20.0
YEAR_MS = 365 * 24 * HOUR_MS


async def first_live_id(exchange: Exchange) -> int:
    past = await control(exchange, "/oracle/candles", symbol="BTCUSDT")
    return int(past[-1]["last_trade_id"]) + 1


async def received(stream: ClientConnection, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(BOUND_S):
        return [json.loads(await stream.recv()) for _ in range(count)]


async def trades_after(
    exchange: Exchange, *faults: dict[str, Any], count: int = 8
) -> tuple[int, list[dict[str, Any]]]:
    """Return the first live id and the first messages of a raw stream with these faults."""
    async with connect(f"{exchange.ws_url}/ws/btcusdt@trade") as stream:
        first_id = await first_live_id(exchange)
        for fault in faults:
            await control(exchange, "/faults", {"symbol": "BTCUSDT", **fault})
        await control(exchange, "/clock/start", {})
        return first_id, await received(stream, count)


async def test_a_time_may_lie_a_year_back() -> None:
    async with running(settings()) as exchange:
        first_id, heard = await trades_after(exchange, {"kind": "past_time"})
        truth = await control(
            exchange, "/oracle/trades", symbol="BTCUSDT", from_id=first_id, limit=2
        )

    assert heard[0]["T"] == truth[0]["time"] - YEAR_MS
    assert heard[1]["T"] == truth[1]["time"]


async def test_reordered_trades_change_places_in_pairs() -> None:
    async with running(settings()) as exchange:
        first_id, heard = await trades_after(exchange, {"kind": "reorder", "count": 2})

    assert [one["t"] - first_id for one in heard] == [1, 0, 3, 2, 4, 5, 6, 7]


async def test_a_delayed_trade_comes_later_and_others_go_on() -> None:
    async with (
        running(settings()) as exchange,
        connect(f"{exchange.ws_url}/ws/btcusdt@trade") as stream,
    ):
        first_id = await first_live_id(exchange)
        delay = {"kind": "delay", "symbol": "BTCUSDT", "ms": 300}
        await control(exchange, "/faults", delay)
        await control(exchange, "/clock/start", {})
        heard = await read_until(stream, lambda message: message["t"] == first_id)

    ids = [one["t"] - first_id for one in heard]
    assert len(ids) > 5
    assert ids == [*range(1, len(ids)), 0]


async def test_a_new_field_leaves_the_rest_right() -> None:
    async with running(settings()) as exchange:
        _, heard = await trades_after(exchange, {"kind": "new_field"})

    changed, plain = heard[:2]
    assert changed.keys() > plain.keys()
    assert changed["e"] == "trade"
    assert {key: type(changed[key]) for key in plain} == {k: type(v) for k, v in plain.items()}


async def test_faults_come_in_the_order_of_their_requests() -> None:
    async with running(settings()) as exchange:
        kinds = [{"kind": "drop"}, {"kind": "duplicate"}, {"kind": "reorder"}]
        first_id, heard = await trades_after(exchange, *kinds)
        faults = await control(exchange, "/faults")

    assert [one["t"] - first_id for one in heard] == [1, 1, 3, 2, 4, 5, 6, 7]
    assert faults == {"injected": {"drop": 1, "duplicate": 1, "reorder": 1}, "waiting": {}}


async def test_a_fault_waits_until_somebody_hears_the_trade() -> None:
    async with running(settings(hold=False)) as exchange:
        await control(exchange, "/faults", {"kind": "drop", "symbol": "BTCUSDT"})
        async with connect(f"{exchange.ws_url}/ws/dotusdt@trade") as other:
            await received(other, 5)
        before = await control(exchange, "/faults")
        async with connect(f"{exchange.ws_url}/ws/btcusdt@trade") as stream:
            await received(stream, 1)
        after = await control(exchange, "/faults")

    assert before == {"injected": {}, "waiting": {"drop": 1}}
    assert after == {"injected": {"drop": 1}, "waiting": {}}


async def test_a_truncated_frame_ends_the_connection_in_the_middle_of_a_trade() -> None:
    async with running(settings()) as exchange:
        async with connect(f"{exchange.ws_url}/ws/btcusdt@trade") as stream:
            first_id = await first_live_id(exchange)
            for kind in ("duplicate", "truncated_frame"):
                await control(exchange, "/faults", {"kind": kind, "symbol": "BTCUSDT"})
            await control(exchange, "/clock/start", {})
            heard = await received(stream, 2)
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                await received(stream, 1)
        assert await control(exchange, "/faults")
        async with connect(f"{exchange.ws_url}/ws/btcusdt@trade") as stream:
            again = await received(stream, 1)

    assert [one["t"] for one in heard] == [first_id, first_id]
    assert caught.value.rcvd is None  # no close frame
    assert again[0]["t"] > first_id + 1


async def test_a_dropped_kline_is_missing_on_the_stream_and_present_in_rest() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        url = f"{exchange.ws_url}/stream?streams=btcusdt@kline_1h/dotusdt@kline_1h"
        async with connect(url) as stream:
            await control(exchange, "/faults", {"kind": "drop_kline", "symbol": "BTCUSDT"})
            await control(exchange, "/clock/start", {})
            messages = await read_until(stream, closes_hour("DOTUSDT", 2, exchange))
        start_ms = exchange.book.live_start_ms
        asked = {"symbol": "BTCUSDT", "interval": "1h", "startTime": str(start_ms), "limit": "2"}
        klines = (await rest.get("/klines", params=asked)).json()

    data = [message["data"] for message in messages]
    closed = [(one["s"], one["k"]["t"] - start_ms) for one in data if one["k"]["x"]]
    assert closed == [("DOTUSDT", 0), ("BTCUSDT", HOUR_MS), ("DOTUSDT", HOUR_MS)]
    assert [kline[0] - start_ms for kline in klines] == [0, HOUR_MS]


@pytest.mark.parametrize("is_scenario", [False, True])
async def test_every_connection_is_aborted_right_after_the_trade_asked_for(
    is_scenario: bool, tmp_path: Path
) -> None:
    async with running(settings()) as plain:
        wanted = await first_live_id(plain) + 7
    given = settings(abort_at=(f"BTCUSDT:{wanted}",))
    if is_scenario:
        path = tmp_path / "scenario.json"
        entry = {"at_trade": {"symbol": "BTCUSDT", "id": wanted}, "kind": "cut"}
        path.write_text(json.dumps([entry]))
        given = settings(scenario=path)
    async with running(given) as exchange:
        async with (
            connect(f"{exchange.ws_url}/ws/btcusdt@trade") as one,
            connect(f"{exchange.ws_url}/ws/btcusdt@trade") as other,
        ):
            await control(exchange, "/clock/start", {})
            heard = [(await until_closed(stream))[0] for stream in (one, other)]
        status = await control(exchange, "/status")

    assert [[one["t"] for one in ids] for ids in heard] == [[*range(wanted - 7, wanted + 1)]] * 2
    assert status["faults_injected"] == {"cut": 2}


async def test_a_scenario_is_played_by_trade_and_by_time(tmp_path: Path) -> None:
    async with running(settings()) as plain:
        first_id = await first_live_id(plain)
    path = tmp_path / "scenario.jsonl"
    at_trade = {"symbol": "BTCUSDT", "id": first_id + 2}
    entries = [
        {"at_trade": at_trade, "kind": "drop", "symbol": "BTCUSDT", "count": 2},
        {"at_s": 0.2, "kind": "close", "code": 4321, "reason": "as planned"},
    ]
    path.write_text("\n".join(json.dumps(entry) for entry in entries))
    async with running(settings(scenario=path)) as exchange:
        async with connect(f"{exchange.ws_url}/ws/btcusdt@trade") as stream:
            await control(exchange, "/clock/start", {})
            heard, ended = await until_closed(stream)
        faults = await control(exchange, "/faults")

    assert [one["t"] - first_id for one in heard[:6]] == [0, 1, 2, 5, 6, 7]
    assert ended.rcvd is not None
    assert (ended.rcvd.code, ended.rcvd.reason) == (4321, "as planned")
    assert faults == {"injected": {"drop": 2, "close": 1}, "waiting": {}}
