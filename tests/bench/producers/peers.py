"""Receive paths of other clients on the same exchange: messages a second, parsed and dropped.

``python -m tests.bench.producers.peers NAME WS_URL SYMBOLS SECONDS`` prints one number.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from binance import AsyncClient, BinanceSocketManager
from websockets.asyncio.client import connect

from tests.bench.producers.world import ROOT, SYMBOLS
from tests.support.exchange import ExchangeServer

WARM_S = 3.0


async def python_binance(ws_url: str, symbols: list[str], seconds: float) -> float:
    """Receive over python-binance's multiplex socket; it parses each message by `json`."""
    client = AsyncClient()
    manager = BinanceSocketManager(client, max_queue_size=10_000_000)
    manager.STREAM_URL = f"{ws_url}/"
    streams = [f"{symbol.lower()}@trade" for symbol in symbols]
    try:
        async with manager.multiplex_socket(streams) as socket:
            return await _rate(socket.recv, seconds)
    finally:
        await client.close_connection()


async def plain_websockets(ws_url: str, symbols: list[str], seconds: float) -> float:
    """Receive over the `websockets` package and parse by `json`: what most scripts do."""
    streams = "/".join(f"{symbol.lower()}@trade" for symbol in symbols)
    async with connect(f"{ws_url}/stream?streams={streams}", compression=None) as socket:

        async def receive() -> object:
            return json.loads(await socket.recv())

        return await _rate(receive, seconds)


PEERS: dict[str, Callable[[str, list[str], float], Awaitable[float]]] = {
    "python-binance": python_binance,
    "websockets + json": plain_websockets,
}


async def _rate(receive: Callable[[], Awaitable[object]], seconds: float) -> float:
    for _ in range(100):
        await receive()
    begun_s = time.monotonic()
    while time.monotonic() - begun_s < WARM_S:
        await receive()
    begun_s, count = time.monotonic(), 0
    while time.monotonic() - begun_s < seconds:
        await receive()
        count += 1
    return count / (time.monotonic() - begun_s)


def measure_peer(name: str, exchange: ExchangeServer, seconds: float) -> int:
    """Run a peer in a process of its own on a running exchange; return messages a second."""
    command = [sys.executable, "-m", "tests.bench.producers.peers"]
    arguments = [name, exchange.ws_url, ",".join(SYMBOLS), str(seconds)]
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return round(float(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    peer, url, names, duration = sys.argv[1:5]
    print(asyncio.run(PEERS[peer](url, names.split(","), float(duration))))  # type: ignore[arg-type] # a coroutine
