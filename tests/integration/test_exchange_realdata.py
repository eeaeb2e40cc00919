"""Real recordings through the exchange: a tick capture, and hourly candles as its past."""

from __future__ import annotations

import asyncio
import gzip
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from websockets.asyncio.client import connect

from conf.names import HOUR_MS, epoch_ms, utc_time
from conf.standin import StandInSettings
from exchange.bars import HourState
from exchange.book import Book, recorded_book
from exchange.series import Series
from exchange.server import running

pytestmark = [pytest.mark.integration, pytest.mark.realdata]

DATA = Path(__file__).parents[3] / "shared" / "data"
HOURLY = DATA / "hourly"
TICKS = DATA / "ticks" / "binance-spot-btc-eth-trades-20240808T2354Z.jsonl.gz"
MIDNIGHT_MS = 1_723_161_600_000
STREAMS = "btcusdt@trade/ethusdt@trade/btcusdt@kline_1h/ethusdt@kline_1h"


async def replayed() -> tuple[list[bytes], dict[str, Any], list[dict[str, Any]], str]:
    """Return every message of a replay, the status and the oracle after it, the close reason."""
    settings = StandInSettings(port=0, control_port=0, hold=True, speed=400, capture=TICKS)
    messages: list[bytes] = []
    async with running(settings) as exchange, httpx.AsyncClient() as client:
        async with connect(f"{exchange.ws_url}/stream?streams={STREAMS}") as stream:
            await client.post(f"{exchange.control_url}/clock/start")
            async with asyncio.timeout(120):
                async for message in stream:  # ends when the exchange closes with 1000
                    messages.append(str(message).encode())
            reason = f"{stream.close_code} {stream.close_reason}"
        status = (await client.get(f"{exchange.control_url}/status")).json()
        candles = (await client.get(f"{exchange.control_url}/oracle/candles")).json()
    return messages, status, candles, reason


async def test_the_capture_is_replayed_unchanged_and_its_hours_are_closed() -> None:
    original = [line.strip() for line in gzip.decompress(TICKS.read_bytes()).splitlines()]

    messages, status, candles, reason = await replayed()

    trades = [message for message in messages if b'@trade"' in message]
    assert len(trades) == 34_419
    assert trades == original
    assert reason == "1000 end of capture"
    assert status["mode"] == "capture"
    assert status["finished"]
    assert status["trades_sent"] == 34_419
    assert [(one["symbol"], Decimal(one["close"])) for one in candles] == [
        ("BTCUSDT", Decimal("61685.99")),
        ("ETHUSDT", Decimal("2682.50")),
    ]
    assert {one["open_time_ms"] for one in candles} == {MIDNIGHT_MS - HOUR_MS}
    for number, symbol in enumerate((b"BTCUSDT", b"ETHUSDT")):
        closing = next(
            index
            for index, message in enumerate(messages)
            if b'"x":true' in message and symbol in message
        )
        last_id = candles[number]["last_trade_id"]
        before = [m for m in messages[:closing] if b'@trade"' in m and symbol in m]
        assert f'"t":{last_id},'.encode() in before[-1]


def rows_of(symbol: str, start_ms: int, hours: int) -> dict[int, dict[str, Any]]:
    table = pq.read_table(HOURLY / f"{symbol}-1h.parquet")
    times = table["open_time"]
    chosen = pc.and_(
        pc.greater_equal(times, utc_time(start_ms)),
        pc.less(times, utc_time(start_ms + hours * HOUR_MS)),
    )
    return {epoch_ms(row["open_time"]): row for row in table.filter(chosen).to_pylist()}


def recorded_symbols() -> tuple[str, ...]:
    return tuple(sorted(path.name.removesuffix("-1h.parquet") for path in HOURLY.iterdir()))


@cache
def book_of(*symbols: str) -> Book:
    return recorded_book(StandInSettings(history_dir=HOURLY, symbols=symbols))


def near(ticks: int, decimals: int, value: float) -> bool:
    """Whether a whole number of ticks is the recorded float, which has 15 digits."""
    return abs(ticks / 10**decimals - value) <= 1e-9 * max(value, 1.0)


def check_hour(series: Series, open_ms: int, row: dict[str, Any]) -> None:
    """The trades of an hour add up to its recorded candle."""
    listing = series.listing
    price_decimals, quantity_decimals = listing.price_decimals, listing.quantity_decimals
    bar, hour = series.closed_bar(open_ms), series.trades(open_ms)
    if not row["volume"]:
        assert hour is None
        assert bar.trades == 0
        return
    assert hour is not None
    prices, quantities = hour.price.tolist(), hour.quantity.tolist()
    assert near(prices[0], price_decimals, row["open"])
    assert near(max(prices), price_decimals, row["high"])
    assert near(min(prices), price_decimals, row["low"])
    assert near(prices[-1], price_decimals, row["close"])
    assert near(sum(quantities), quantity_decimals, row["volume"])
    quote = sum(price * quantity for price, quantity in zip(prices, quantities, strict=True))
    assert (bar.quote, bar.trades, bar.volume) == (quote, len(prices), sum(quantities))
    assert np.array_equal(np.diff(hour.trade_id), np.ones(len(prices) - 1))
    assert (np.diff(hour.time_ms) >= 0).all()
    assert open_ms <= hour.time_ms[0] <= hour.time_ms[-1] < open_ms + HOUR_MS
    if row["trades"]:
        assert len(prices) == row["trades"]
    if row["quote_volume"] and bar.low < bar.high:
        scale = price_decimals + quantity_decimals
        wanted = Decimal(repr(row["quote_volume"])).scaleb(scale).to_integral_value()
        assert quote == wanted


@pytest.mark.parametrize("symbol", recorded_symbols())
@pytest.mark.parametrize("start", ["2021-08-12", "2021-11-18", "2023-12-29"])
def test_recorded_hours_add_up_exactly(symbol: str, start: str) -> None:
    start_ms = epoch_ms(utc_time(0).fromisoformat(f"{start}T00:00:00+00:00"))
    rows = rows_of(symbol, start_ms, 24)
    assert rows
    series = book_of(symbol).series[symbol]

    for open_ms in range(start_ms, start_ms + 24 * HOUR_MS, HOUR_MS):
        row = rows.get(open_ms)
        if row is None or row["open"] is None:
            assert series.state(open_ms) is HourState.ABSENT
        else:
            check_hour(series, open_ms, row)


def test_hours_that_the_record_lacks_are_absent() -> None:
    series = book_of("BTCUSDT").series["BTCUSDT"]
    table = pq.read_table(HOURLY / "BTCUSDT-1h.parquet")
    known = {epoch_ms(time.as_py()) for time in table["open_time"]}

    end_ms = max(known) + HOUR_MS
    absent = [
        open_ms
        for open_ms in range(series.first_open_ms, end_ms, HOUR_MS)
        if series.state(open_ms) is HourState.ABSENT
    ]

    assert len(absent) > 20
    assert not known & set(absent)
    assert len(known) + len(absent) == (end_ms - series.first_open_ms) // HOUR_MS


def test_live_starts_after_the_last_hour_that_all_records_hold() -> None:
    starts = {
        utc_time(book_of(*symbols).live_start_ms).isoformat()
        for symbols in [("BTCUSDT", "ETHUSDT"), ("BTCUSDT", "MATICUSDT"), ("BTCUSDT", "USDCUSDT")]
    }

    assert starts == {
        "2025-01-01T00:00:00+00:00",
        "2024-03-01T00:00:00+00:00",
        "2023-12-30T20:00:00+00:00",
    }


def test_live_goes_on_from_the_last_recorded_close() -> None:
    book = book_of("BTCUSDT", "SOLUSDT")

    for series in book.series.values():
        last = series.closed_bar(book.live_start_ms - HOUR_MS)
        first = series.closed_bar(book.live_start_ms)
        assert abs(first.open - last.close) <= 1
        assert first.first_id == last.last_id + 1
        assert 1 < first.trades < 20_000


def test_recorded_hours_can_be_streamed_as_live_ones() -> None:
    start = utc_time(1_704_067_200_000)  # 2024-01-01
    settings = StandInSettings(
        history_dir=HOURLY, symbols=("SOLUSDT",), live_from_history=True, start=start
    )

    book = recorded_book(settings)
    series = book.series["SOLUSDT"]

    assert book.live_start_ms == epoch_ms(start)
    for open_ms, row in rows_of("SOLUSDT", book.live_start_ms, 3).items():
        check_hour(series, open_ms, row)
    assert series.state(epoch_ms(utc_time(1_735_689_600_000))) is HourState.ABSENT  # 2025-01-01
    assert series.end_ms() == 1_735_689_600_000
