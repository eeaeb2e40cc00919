"""Candles that are written while others read, and how long they take to a listener."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import aiohttp

from nexthour.latency import Latency, summarise
from tests.bench.api.world import World, writing
from tests.bench.store import END, HOUR
from tests.support.api_data import candle, insert

SYMBOL = "BENCHUSDT"
WRITE_EVERY_S = 0.5
COUNT = 40
PAUSE_S = 0.13
"""No divisor of the polling interval, so that all its moments are met."""
TIMEOUT_S = 30.0


@asynccontextmanager
async def writer_of(world: World) -> AsyncIterator[None]:
    """Change a running hour twice a second, as the pipeline does."""
    connection = writing(world)
    running = candle(SYMBOL, END - HOUR, status="provisional", verdict=None, witness=None)
    insert(connection, "candle", running)

    def change() -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE candle SET trades = trades + 1, updated_at = clock_timestamp() "
                "WHERE symbol = %s AND status = 'provisional'",
                (SYMBOL,),
            )

    async def go_on() -> None:
        while True:
            await asyncio.to_thread(change)
            await asyncio.sleep(WRITE_EVERY_S)

    changing = asyncio.create_task(go_on())
    try:
        yield
    finally:
        changing.cancel()
        with suppress(asyncio.CancelledError):
            await changing
        connection.close()


async def measure_events(world: World) -> Latency | None:
    """Commit candles one by one and tell when each arrived on a stream."""
    committed: dict[str, float] = {}
    received: dict[str, float] = {}

    async def listen(is_open: asyncio.Event) -> None:
        async with (
            aiohttp.ClientSession(world.url) as session,
            session.get("/v1/stream", params={"symbol": SYMBOL}) as answer,
        ):
            async for line in answer.content:
                is_open.set()
                text = line.decode()
                if text.startswith("id: ") and ".c." in text:
                    received[text.split(".")[4].strip()] = time.monotonic()
                    if len(received) == COUNT:
                        return

    is_open = asyncio.Event()
    listening = asyncio.create_task(listen(is_open))
    writer = writing(world)
    async with asyncio.timeout(TIMEOUT_S):
        await is_open.wait()
        for number in range(COUNT):
            opened = END + number * HOUR
            row = candle(SYMBOL, opened, updated_at=datetime.now(UTC))
            await asyncio.to_thread(insert, writer, "candle", row)
            committed[opened.strftime("%Y-%m-%dT%H:%M:%SZ")] = time.monotonic()
            await asyncio.sleep(PAUSE_S)
        await listening
    writer.close()
    return summarise(received[key] - committed[key] for key in committed)
