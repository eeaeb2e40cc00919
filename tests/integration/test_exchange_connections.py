"""What the stand-in exchange demands of its clients' connections."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from exchange.server import running
from tests.support.standin import closes_hour, control, never, read_until, settings

pytestmark = pytest.mark.integration

BOUND_S = 20.0


async def test_too_many_messages_in_a_second_close_with_1008() -> None:
    async with running(settings()) as exchange, connect(f"{exchange.ws_url}/ws") as stream:
        for number in range(6):
            await stream.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await read_until(stream, never)

    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, "Too many requests")


async def test_pings_come_with_a_payload_and_silence_is_cut() -> None:
    given = settings(ping_interval_s=0.1, pong_timeout_s=0.35)
    async with running(given) as exchange, httpx.AsyncClient() as client:
        host, port = exchange.ws_url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n".encode()
        )
        async with asyncio.timeout(BOUND_S):
            await reader.readuntil(b"\r\n\r\n")
            everything = await reader.read()  # never answering: pings, then the close frame
        assert (await client.get(f"{exchange.control_url}/status")).json()["clients"] == 0
        writer.close()

    assert everything[0] == 0x89
    assert everything[1] > 0
    assert b"Pong timeout" in everything


async def test_a_client_that_answers_pings_stays() -> None:
    given = settings(ping_interval_s=0.1, pong_timeout_s=0.35, hold=False, incoming_per_s=100)
    async with (
        running(given) as exchange,
        connect(f"{exchange.ws_url}/stream?streams=btcusdt@kline_1h") as stream,
    ):
        await read_until(stream, closes_hour("BTCUSDT", 2, exchange))


async def test_a_client_that_never_reads_is_cut_and_the_others_miss_nothing() -> None:
    given = settings(trades_per_hour=200_000, speed=600.0, client_buffer_bytes=65_536)
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(running(given))
        url = f"{exchange.ws_url}/ws/btcusdt@trade"
        good = await stack.enter_async_context(connect(url, max_queue=None))
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        host, port = exchange.ws_url.removeprefix("ws://").split(":")
        await asyncio.to_thread(lazy.connect, (host, int(port)))
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        head = f"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
        lazy.sendall(f"{head}Upgrade: websocket\r\n{key}\r\n".encode())
        ids: list[int] = []
        async with asyncio.timeout(2 * BOUND_S):
            while (await control(exchange, "/status"))["clients"] < 2:
                pass
            await control(exchange, "/clock/start", {})
            while len(exchange.broadcast.hub.clients) > 1 or len(ids) < 2_000:
                ids.append(json.loads(await good.recv())["t"])
        lazy.close()

    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_the_end_of_the_server_is_announced() -> None:
    async with AsyncExitStack() as stack:
        server = running(settings())
        exchange = await server.__aenter__()
        raw = await stack.enter_async_context(connect(f"{exchange.ws_url}/ws"))
        wrapped = await stack.enter_async_context(connect(f"{exchange.ws_url}/stream"))
        start_ms = exchange.book.live_start_ms
        await control(exchange, "/status")
        await server.__aexit__(None, None, None)
        messages = [json.loads(await one.recv()) for one in (raw, wrapped)]

    event = {"e": "serverShutdown", "E": start_ms}
    assert messages == [event, {"stream": "!serverShutdown", "data": event}]
