"""Faults on demand: the stream goes wrong, REST keeps the truth."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from conf.names import HOUR_MS
from exchange.server import running
from tests.support.standin import control, rest_of, settings

pytestmark = pytest.mark.integration

BOUND_S = 20.0


FAULTS = ["malformed", "unknown_event", "bad_price", "future_time", "drop", "duplicate"]


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_fault_is_on_the_stream_only(kind: str) -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        async with connect(f"{exchange.ws_url}/stream?streams=btcusdt@trade") as stream:
            answer = await control(
                exchange, "/faults", {"kind": kind, "symbol": "BTCUSDT", "count": 2}
            )
            assert answer == {"waiting": 2}
            past = await control(exchange, "/oracle/candles", symbol="BTCUSDT")
            first_id = past[-1]["last_trade_id"] + 1
            await control(exchange, "/clock/start", {})
            async with asyncio.timeout(BOUND_S):
                texts = [str(await stream.recv()) for _ in range(12)]
        trades = (
            await rest.get("/historicalTrades", params={"symbol": "BTCUSDT", "fromId": first_id})
        ).json()
        status = await control(exchange, "/status")

    assert [trade["id"] for trade in trades[:8]] == list(range(first_id, first_id + 8))
    assert status["faults_injected"] == {kind: 2}
    check_fault(kind, texts, first_id, trades)


def check_fault(kind: str, texts: list[str], first_id: int, trades: list[dict[str, Any]]) -> None:
    parsed = [parse(text) for text in texts]
    data = [one["data"] for one in parsed if one is not None]
    ids = [one["t"] for one in data]
    if kind == "malformed":
        assert parsed[0] is None
        assert parsed[2] is None
        assert ids[:4] == list(range(first_id, first_id + 4))
    elif kind == "unknown_event":
        assert [one["e"] for one in data[:4]] == ["mystery", "trade", "mystery", "trade"]
    elif kind == "bad_price":
        assert [one["p"] for one in data[:2]] == ["not-a-number"] * 2
        assert data[2]["p"] == trades[2]["price"]
    elif kind == "future_time":
        assert data[0]["T"] - trades[0]["time"] == 365 * 24 * HOUR_MS
        assert data[2]["T"] == trades[2]["time"]
    elif kind == "drop":
        assert ids[0] == first_id + 2
    else:
        assert ids[:5] == [first_id, first_id, first_id + 1, first_id + 1, first_id + 2]


def parse(text: str) -> dict[str, Any] | None:
    try:
        message: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return message


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"kind": "fire", "symbol": "BTCUSDT"},
        {"kind": "drop", "symbol": "X"},
        {"kind": "cut", "seconds": 1},
    ],
)
async def test_a_wrong_fault_is_refused(body: Any) -> None:
    async with running(settings()) as exchange, httpx.AsyncClient() as client:
        answer = await client.post(f"{exchange.control_url}/faults", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "text"), [("/faults", "{"), ("/symbols", "{"), ("/symbols", "[]")]
)
async def test_what_is_no_request_is_refused(path: str, text: str) -> None:
    async with running(settings()) as exchange, httpx.AsyncClient() as client:
        answer = await client.post(f"{exchange.control_url}{path}", content=text)

    assert answer.status_code == 400
    assert len(answer.json()["error"].splitlines()) == 1


async def test_there_is_no_burst_where_nothing_trades() -> None:
    async with running(settings()) as exchange, httpx.AsyncClient() as client:
        await control(exchange, "/symbols", {"symbol": "BTCUSDT", "status": "BREAK"})
        burst = {"kind": "burst", "symbol": "BTCUSDT", "count": 5}
        answer = await client.post(f"{exchange.control_url}/faults", json=burst)
        faults = await control(exchange, "/faults")

    assert answer.status_code == 400
    assert "TRADING" in answer.json()["error"]
    assert faults["injected"] == {"status": 1}
