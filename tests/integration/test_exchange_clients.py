"""Stock client libraries, unchanged, on the stand-in: only their public addresses are set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.server import Exchange, running

pytestmark = pytest.mark.integration

BOUND_S = 20.0


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    settings = StandInSettings(
        port=0,
        control_port=0,
        symbols=("BTCUSDT", "ETHUSDT"),
        history_hours=1_200,
        speed=3_000.0,
        trades_per_hour=400,
    )
    async with running(settings) as started:
        yield started


@pytest.fixture
async def client(exchange: Exchange) -> AsyncIterator[AsyncClient]:
    client = AsyncClient()
    client.API_URL = f"{exchange.rest_url}/api"
    yield client
    await client.close_connection()


def sockets(exchange: Exchange, client: AsyncClient) -> BinanceSocketManager:
    manager = BinanceSocketManager(client)
    manager.STREAM_URL = f"{exchange.ws_url}/"
    return manager


async def test_python_binance_reads_market_data(exchange: Exchange, client: AsyncClient) -> None:
    start_ms = exchange.book.live_start_ms

    assert await client.ping() == {}
    assert (await client.get_server_time())["serverTime"] >= start_ms
    info = await client.get_symbol_info("BTCUSDT")
    assert info is not None
    assert info["status"] == "TRADING"
    klines = await client.get_klines(symbol="BTCUSDT", interval="1h", endTime=start_ms - 1)
    assert len(klines) == 500
    assert klines[-1][0] == start_ms - HOUR_MS
    trades = await client.get_historical_trades(symbol="BTCUSDT", fromId=5, limit=3)
    assert [trade["id"] for trade in trades] == [5, 6, 7]
    recent = await client.get_recent_trades(symbol="ETHUSDT", limit=2)
    assert recent[1]["id"] == recent[0]["id"] + 1
    aggregates = await client.get_aggregate_trades(symbol="BTCUSDT", fromId=1, limit=2)
    assert [one["a"] for one in aggregates] == [1, 2]


async def test_python_binance_pages_through_all_klines(
    exchange: Exchange, client: AsyncClient
) -> None:
    start_ms = exchange.book.live_start_ms

    klines = await client.get_historical_klines(
        "ETHUSDT", "1h", start_ms - 1_200 * HOUR_MS, start_ms - 1
    )

    opens = [kline[0] for kline in klines]
    assert opens == list(range(start_ms - 1_200 * HOUR_MS, start_ms, HOUR_MS))


async def test_python_binance_understands_errors(client: AsyncClient) -> None:
    with pytest.raises(BinanceAPIException) as caught:
        await client.get_klines(symbol="NOPEUSDT", interval="1h")

    assert caught.value.code == -1121


async def test_python_binance_hears_combined_streams(
    exchange: Exchange, client: AsyncClient
) -> None:
    streams = ["btcusdt@trade", "btcusdt@kline_1h"]
    trades = []
    async with (
        asyncio.timeout(BOUND_S),
        sockets(exchange, client).multiplex_socket(streams) as stream,
    ):
        while True:
            message = await stream.recv()
            data = message["data"]
            if data["e"] == "trade":
                trades.append(data)
            elif data["k"]["x"] and len(trades) > 100:
                break
    kline = data["k"]

    ids = [trade["t"] for trade in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    inside = [trade for trade in trades if trade["T"] // HOUR_MS * HOUR_MS == kline["t"]]
    assert inside[-1]["t"] == kline["L"]
    assert inside[-1]["p"] == kline["c"]
    if len(inside) == kline["n"]:
        assert sum(Decimal(trade["q"]) for trade in inside) == Decimal(kline["v"])


async def test_python_binance_hears_single_streams(exchange: Exchange, client: AsyncClient) -> None:
    manager = sockets(exchange, client)
    async with asyncio.timeout(BOUND_S):
        async with manager.trade_socket("ETHUSDT") as stream:
            trade = await stream.recv()
        async with manager.kline_socket("ETHUSDT", interval="1h") as stream:
            kline = await stream.recv()
        async with manager.aggtrade_socket("ETHUSDT") as stream:
            aggregate = await stream.recv()

    assert (trade["e"], trade["s"]) == ("trade", "ETHUSDT")
    assert (kline["e"], kline["k"]["i"]) == ("kline", "1h")
    assert (aggregate["e"], aggregate["s"]) == ("aggTrade", "ETHUSDT")


async def test_python_binance_hears_tickers(exchange: Exchange, client: AsyncClient) -> None:
    manager = sockets(exchange, client)
    async with asyncio.timeout(BOUND_S):
        async with manager.symbol_book_ticker_socket("ETHUSDT") as stream:
            book = await stream.recv()
        async with manager.symbol_miniticker_socket("ETHUSDT") as stream:
            mini = await stream.recv()
        async with manager.miniticker_socket() as stream:
            both = await stream.recv()

    assert Decimal(book["b"]) < Decimal(book["a"])
    assert (mini["e"], mini["s"]) == ("24hrMiniTicker", "ETHUSDT")
    assert {one["s"] for one in both} <= {"BTCUSDT", "ETHUSDT"}


async def test_python_binance_comes_back_after_a_cut(
    exchange: Exchange, client: AsyncClient
) -> None:
    heard: list[int] = []
    async with (
        asyncio.timeout(BOUND_S),
        sockets(exchange, client).trade_socket("ETHUSDT") as stream,
    ):
        heard.append((await stream.recv())["t"])
        assert exchange.desk.take({"kind": "cut"})["connections"] == 1
        while exchange.sockets.attempts < 2 or len(heard) < 50:
            message = await stream.recv()
            if message["e"] == "trade":  # the client tells of the cut in a message of its own
                heard.append(message["t"])

    assert heard == sorted(set(heard))
    assert exchange.desk.injected == {"cut": 1}
