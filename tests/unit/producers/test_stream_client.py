"""The stream client against a real websocket server that ends connections in every way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from websockets.asyncio.server import Server, ServerConnection, serve

from conf.producer import ProducerSettings
from producers.incidents import IncidentLog
from producers.reconnect import Reconnect, ReconnectPolicy
from producers.stream_client import END_OF_CAPTURE, StreamClient, StreamContext

pytestmark = pytest.mark.unit

SETTINGS = ProducerSettings(ping_interval_s=0.2, ping_timeout_s=0.2, open_timeout_s=2)
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


class Listener:
    """What a session is to a client: messages, connects and incidents in a list."""

    def __init__(self, settings: ProducerSettings = SETTINGS) -> None:
        self.received: list[bytes] = []
        self.connects = 0
        self.incidents = IncidentLog("1/1", lambda: 5_000)
        self.context = StreamContext(
            settings,
            Reconnect(AT_ONCE, lambda: 0.5),
            self.incidents,
            lambda: 5_000,
            self.received.append,
            self._on_connect,
        )

    def _on_connect(self) -> None:
        self.connects += 1

    def client(self, url: str, *symbols: str) -> StreamClient:
        return StreamClient(url, symbols or ("BTCUSDT",), self.context)


async def messages_of(exchange: Exchange, listener: Listener | None = None) -> list[bytes]:
    """Follow an exchange to its end of capture."""
    listener = listener or Listener()
    client = listener.client(exchange.url)
    async with asyncio.timeout(20):
        await client.run()
    assert not client.is_open
    assert client.counts.connects == listener.connects == len(exchange.paths)
    return listener.received


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_the_end_of_a_capture_is_the_end(exchange: Exchange) -> None:
    exchange.visits = [sends("one", *END_OF_CAPTURE)]
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
        sends("x", 1011, END_OF_CAPTURE[1]),
        cut,
        fall_silent,
    ],
)
async def test_every_other_end_is_followed_by_a_new_connection(
    exchange: Exchange, way: Visit
) -> None:
    exchange.visits = [way, sends("after", *END_OF_CAPTURE)]
    received = await messages_of(exchange)
    assert len(received) == 2
    assert received[-1] == b"after"


async def test_a_loss_is_told_with_its_reason_and_its_end(exchange: Exchange) -> None:
    exchange.visits = [sends("x", 1008, "Too many requests"), cut, sends("y", *END_OF_CAPTURE)]
    listener = Listener()
    await messages_of(exchange, listener)
    told = [(incident.kind.value, incident.detail) for incident in listener.incidents.take()]
    assert told == [
        ("stream_lost", "closed by the exchange: 1008 Too many requests"),
        ("stream_back", "connected"),
        ("stream_lost", "cut without a close frame"),
        ("stream_back", "connected"),
    ]


async def test_a_message_in_several_frames_is_one_message(exchange: Exchange) -> None:
    async def visit(connection: ServerConnection) -> None:
        await connection.send(iter(["one ", "mess", "age"]))
        await connection.close(*END_OF_CAPTURE)

    exchange.visits = [visit]
    assert await messages_of(exchange) == [b"one message"]


async def test_an_exchange_that_comes_later_is_waited_for() -> None:
    late = Exchange()
    late.visits = [sends("x", *END_OF_CAPTURE)]
    # A port that nobody else gets meanwhile: bound, not listening.
    placeholder = await serve(late.handle, "127.0.0.1", 0)
    port = next(iter(placeholder.sockets)).getsockname()[1]
    placeholder.close()
    await placeholder.wait_closed()
    listener = Listener()
    client = listener.client(f"ws://127.0.0.1:{port}/stream")
    task = asyncio.create_task(client.run())
    await until(lambda: client.counts.failures >= 2)
    server = await serve(late.handle, "127.0.0.1", port)
    async with asyncio.timeout(20):
        await task
    assert listener.received == [b"x"]
    server.close()


async def test_a_paused_client_does_not_read_its_socket(exchange: Exchange) -> None:
    """Back-pressure: with nobody taking messages the server cannot send without end."""
    sent = 0
    has_blocked = asyncio.Event()
    resumed = asyncio.Event()

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        while not has_blocked.is_set():
            try:
                await asyncio.wait_for(connection.send("x" * 100_000), 1.0)
            except TimeoutError:
                has_blocked.set()
            else:
                sent += 1
        await resumed.wait()
        await connection.close(*END_OF_CAPTURE)

    exchange.visits = [flood]
    listener = Listener(SETTINGS.model_copy(update={"ping_interval_s": 60.0}))
    client = listener.client(exchange.url)
    task = asyncio.create_task(client.run())
    try:
        await until(lambda: bool(listener.received))
        client.pause()
        before = len(listener.received)
        async with asyncio.timeout(60):
            await has_blocked.wait()
        assert len(listener.received) == before
        assert sent < before + 500
        client.resume()
    finally:
        resumed.set()
    async with asyncio.timeout(20):
        await task
    assert len(listener.received) >= sent


# Handover: make before break


def trade_of(symbol: str) -> str:
    return f'{{"stream":"{symbol.lower()}@trade","data":{{}}}}'


class Scripted:
    """A connection that sends what the test says, when it says so."""

    def __init__(self) -> None:
        self.connection: ServerConnection | None = None
        self.is_over = asyncio.Event()

    async def __call__(self, connection: ServerConnection) -> None:
        self.connection = connection
        await connection.wait_closed()
        self.is_over.set()

    async def send(self, *messages: str) -> None:
        assert self.connection is not None
        for message in messages:
            await self.connection.send(message)


@pytest.mark.parametrize("cause", ["age", "shutdown", "combined shutdown", "asked"])
async def test_the_old_connection_stays_until_each_symbol_has_traded_on_the_new_one(
    exchange: Exchange, cause: str
) -> None:
    old, new = Scripted(), Scripted()
    exchange.visits = [old, new]
    # Long enough for the new one to take over before it is too old itself.
    age = {"renew_after_s": 3.0, "renew_jitter": 0.0} if cause == "age" else {}
    listener = Listener(SETTINGS.model_copy(update={"ping_interval_s": 60.0, **age}))
    client = listener.client(exchange.url, "BTCUSDT", "ETHUSDT")
    task = asyncio.create_task(client.run())
    await until(lambda: old.connection is not None)
    await old.send(trade_of("BTCUSDT"), trade_of("ETHUSDT"))
    await until(lambda: len(listener.received) == 2)
    if cause == "shutdown":
        await old.send('{"e":"serverShutdown","E":1}')
    elif cause == "combined shutdown":
        await old.send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
    elif cause == "asked":
        client.renew()
    await until(lambda: new.connection is not None)
    count = len(listener.received)
    await new.send(trade_of("BTCUSDT"), '{"stream":"ethusdt@kline_1h","data":{}}')
    await until(lambda: len(listener.received) == count + 2)
    assert not old.is_over.is_set()
    await old.send(trade_of("ETHUSDT"))
    await until(lambda: len(listener.received) == count + 3)
    assert not old.is_over.is_set(), "ETHUSDT has not traded on the new connection"
    await new.send(trade_of("ETHUSDT"))
    async with asyncio.timeout(20):
        await old.is_over.wait()
    assert client.is_open
    assert client.counts.handovers == 1
    assert new.connection is not None
    await new.connection.close(*END_OF_CAPTURE)
    async with asyncio.timeout(20):
        await task
    kinds = [incident.kind.value for incident in listener.incidents.take()]
    assert kinds == ["server_shutdown", "handover"] if "shutdown" in cause else ["handover"]


async def test_a_quiet_symbol_does_not_keep_the_old_connection_for_ever(
    exchange: Exchange,
) -> None:
    old, new = Scripted(), Scripted()
    exchange.visits = [old, new]
    listener = Listener(
        SETTINGS.model_copy(update={"ping_interval_s": 60.0, "handover_timeout_s": 0.2})
    )
    client = listener.client(exchange.url, "BTCUSDT", "ETHUSDT")
    task = asyncio.create_task(client.run())
    await until(lambda: old.connection is not None)
    client.renew()
    async with asyncio.timeout(20):
        await old.is_over.wait()
    await until(lambda: client.counts.handovers == 1)
    (told,) = listener.incidents.take()
    assert told.detail.endswith("0/2 symbols seen")
    assert new.connection is not None
    await new.connection.close(*END_OF_CAPTURE)
    async with asyncio.timeout(20):
        await task


async def test_an_old_connection_that_ends_during_the_handover_is_no_loss(
    exchange: Exchange,
) -> None:
    old, new = Scripted(), Scripted()
    exchange.visits = [old, new]
    listener = Listener(SETTINGS.model_copy(update={"ping_interval_s": 60.0}))
    client = listener.client(exchange.url)
    task = asyncio.create_task(client.run())
    await until(lambda: old.connection is not None)
    client.renew()
    await until(lambda: new.connection is not None)
    assert old.connection is not None
    old.connection.transport.abort()
    await until(lambda: client.counts.handovers == 1)
    await new.send(trade_of("BTCUSDT"))
    await until(lambda: listener.received == [trade_of("BTCUSDT").encode()])
    assert new.connection is not None
    await new.connection.close(*END_OF_CAPTURE)
    async with asyncio.timeout(20):
        await task
    assert [i.kind.value for i in listener.incidents.take()] == ["handover"]
