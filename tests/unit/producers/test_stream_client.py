"""The stream client against a real websocket server that ends connections in every way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from websockets.asyncio.server import Server, ServerConnection, serve

from conf.producer import ProducerSettings
from producers.reconnect import Reconnect, ReconnectPolicy
from producers.stream_client import END_OF_CAPTURE, StreamClient

pytestmark = pytest.mark.unit

SETTINGS = ProducerSettings(ping_interval_s=0.1, ping_timeout_s=0.2, open_timeout_s=2)
AT_ONCE = ReconnectPolicy(base_s=0.001, cap_s=0.01, stable_s=30, budget=200, window_s=300)

Visit = Callable[[ServerConnection], Awaitable[None]]


class Exchange:
    """Lets each connection run the next of its `visits`."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.paths: list[str] = []
        self.url = ""

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        await self.visits[len(self.paths) - 1](connection)


@pytest_asyncio.fixture
async def exchange() -> AsyncIterator[Exchange]:
    exchange = Exchange()
    server: Server = await serve(exchange.handle, "127.0.0.1", 0, ping_interval=None)
    port = next(iter(server.sockets)).getsockname()[1]
    exchange.url = f"ws://127.0.0.1:{port}/stream?streams=btcusdt@trade"
    yield exchange
    for connection in list(server.connections):
        connection.transport.abort()
    server.close()
    await server.wait_closed()


def sends(message: str, code: int, reason: str = "") -> Visit:
    async def visit(connection: ServerConnection) -> None:
        await connection.send(message)
        await connection.close(code, reason)

    return visit


async def cut(connection: ServerConnection) -> None:
    """End without a close frame, as a broken network does."""
    await connection.send("before the cut")
    connection.transport.abort()


async def fall_silent(connection: ServerConnection) -> None:
    """Keep the socket open and read nothing: a half-open connection."""
    await connection.send("before the silence")
    connection.transport.pause_reading()
    await connection.wait_closed()


async def messages_of(exchange: Exchange, counted: list[int] | None = None) -> list[bytes]:
    async def on_connect() -> None:
        if counted is not None:
            counted.append(len(exchange.paths))

    client = StreamClient(exchange.url, SETTINGS, Reconnect(AT_ONCE, lambda: 1.0), on_connect)
    received = []
    async with asyncio.timeout(20):
        async for message in client.messages():
            assert client.counts.is_open
            received.append(message)
    assert not client.counts.is_open
    assert client.counts.connects == len(exchange.paths)
    return received


async def test_the_end_of_a_capture_is_the_end(exchange: Exchange) -> None:
    exchange.visits = [sends("one", 1000, END_OF_CAPTURE)]
    assert await messages_of(exchange) == [b"one"]
    assert exchange.paths == ["/stream?streams=btcusdt@trade"]


@pytest.mark.parametrize(
    "way",
    [
        sends("x", 1000, "24 hours"),
        sends("x", 1000),
        sends("x", 1001),
        sends("x", 1008, "Too many requests"),
        sends("x", 1011),
        sends("x", 1011, END_OF_CAPTURE),
        cut,
        fall_silent,
    ],
)
async def test_every_other_end_is_followed_by_a_new_connection(
    exchange: Exchange, way: Visit
) -> None:
    exchange.visits = [way, sends("after", 1000, END_OF_CAPTURE)]
    received = await messages_of(exchange)
    assert len(received) == 2
    assert received[-1] == b"after"


async def test_on_connect_runs_before_the_first_message_of_each_connection(
    exchange: Exchange,
) -> None:
    exchange.visits = [cut, sends("after", 1000, END_OF_CAPTURE)]
    counted: list[int] = []
    await messages_of(exchange, counted)
    assert counted == [1, 2]


async def test_an_exchange_that_comes_later_is_waited_for() -> None:
    late = Exchange()
    late.visits = [sends("x", 1000, END_OF_CAPTURE)]
    # A port that nobody else gets meanwhile: bound, not listening.
    placeholder = await serve(late.handle, "127.0.0.1", 0)
    port = next(iter(placeholder.sockets)).getsockname()[1]
    placeholder.close()
    await placeholder.wait_closed()

    async def nothing() -> None:
        return None

    url = f"ws://127.0.0.1:{port}/stream"
    client = StreamClient(url, SETTINGS, Reconnect(AT_ONCE, lambda: 1.0), nothing)

    async def collect() -> list[bytes]:
        return [message async for message in client.messages()]

    task = asyncio.create_task(collect())
    async with asyncio.timeout(20):
        while client.counts.failures < 2:
            await asyncio.sleep(0.01)
        server = await serve(late.handle, "127.0.0.1", port)
        assert await task == [b"x"]
    server.close()


async def test_the_socket_is_not_read_faster_than_its_messages_are_taken(
    exchange: Exchange,
) -> None:
    """Back-pressure: with nobody taking messages the server cannot send without end."""
    sent = 0
    stopped = asyncio.Event()

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        while not stopped.is_set():
            try:
                await asyncio.wait_for(connection.send("x" * 100_000), 1.0)
            except TimeoutError:
                break
            sent += 1
        await connection.close(1000, END_OF_CAPTURE)

    exchange.visits = [flood]

    async def nothing() -> None:
        return None

    settings = SETTINGS.model_copy(update={"ping_interval_s": 60.0})
    client = StreamClient(exchange.url, settings, Reconnect(AT_ONCE, lambda: 1.0), nothing)
    stream = client.messages()
    assert len(await anext(stream)) == 100_000
    before = -1
    while sent != before:
        before = sent
        await asyncio.wait([asyncio.create_task(stopped.wait())], timeout=0.7)
    assert sent < 500
    stopped.set()
    await stream.aclose()
