"""A stand-in exchange inside the test's own process, and how tests listen to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.server import Exchange

BOUND_S = 20.0


def settings(**values: Any) -> StandInSettings:
    """Two symbols, an exchange hour in 0.6 s, a short past, free ports."""
    given = {
        "port": 0,
        "control_port": 0,
        "symbols": ("BTCUSDT", "DOTUSDT"),
        "history_hours": 72,
        "speed": 6_000.0,
        "trades_per_hour": 300,
        "hold": True,
        "kline_interval_s": 0.1,
    }
    return StandInSettings(**{**given, **values})


@asynccontextmanager
async def rest_of(exchange: Exchange) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{exchange.rest_url}/api/v3") as client:
        yield client


async def control(exchange: Exchange, path: str, body: Any = None, **params: Any) -> Any:
    async with httpx.AsyncClient(base_url=exchange.control_url) as client:
        if body is not None:
            return (await client.post(path, json=body)).json()
        return (await client.get(path, params=params)).json()


async def read_until(
    stream: ClientConnection, is_last: Any, seen: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Return the messages up to the first for which ``is_last`` holds."""
    messages = seen if seen is not None else []
    async with asyncio.timeout(BOUND_S):
        while True:
            message = json.loads(await stream.recv())
            messages.append(message)
            if is_last(message):
                return messages


def closes_hour(symbol: str, hours: int, exchange: Exchange) -> Any:
    wanted = exchange.book.live_start_ms + (hours - 1) * HOUR_MS

    def is_it(message: dict[str, Any]) -> bool:
        data = message.get("data", message)
        kline = data.get("k", {})
        return bool(kline.get("x")) and kline["t"] == wanted and data["s"] == symbol

    return is_it


def never(_message: dict[str, Any]) -> bool:
    return False


async def until_closed(
    stream: ClientConnection,
) -> tuple[list[dict[str, Any]], websockets.ConnectionClosed]:
    """Return what came before the end of a connection, and how it ended."""
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(BOUND_S):
        while True:
            try:
                messages.append(json.loads(await stream.recv()))
            except websockets.ConnectionClosed as ended:
                return messages, ended
