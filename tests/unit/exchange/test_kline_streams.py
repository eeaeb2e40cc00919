"""Klines of other intervals on the stream: each closed once, equal to REST's."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, cast

import orjson
import pytest

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.bars import HourState, rest_kline
from exchange.book import synthetic_book
from exchange.hub import Client, Hub
from exchange.intervals import INTERVALS, klines
from exchange.kline_streams import KlineStreams

pytestmark = pytest.mark.unit

BOOK = synthetic_book(
    StandInSettings(symbols=("DOTUSDT",), history_hours=50, halted_hours=("*:1",))
)
SERIES = BOOK.series["DOTUSDT"]
START_MS = BOOK.live_start_ms


class Listener:
    """A client that keeps the klines it hears."""

    def __init__(self, hub: Hub, stream: str) -> None:
        self.klines: list[dict[str, Any]] = []
        self.client = Client(cast(asyncio.Transport, self), is_combined=False, limit=10**9)
        hub.add(self.client)
        hub.subscribe(self.client, [stream])

    def write(self, data: bytes) -> None:
        while data:
            size, begin = (data[1], 2) if data[1] < 126 else (int.from_bytes(data[2:4]), 4)
            self.klines.append(orjson.loads(data[begin : begin + size])["k"])
            data = data[begin + size :]

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


def play(name: str, until_ms: int, step_ms: int) -> list[dict[str, Any]]:
    hub = Hub()
    listener = Listener(hub, f"dotusdt@kline_{name}")
    streams = KlineStreams(BOOK.series, hub, update_s=0.0)
    for now_ms in range(START_MS + 1, until_ms, step_ms):
        streams.turn(now_ms)
        hub.flush()
    return listener.klines


@pytest.mark.parametrize(("name", "step_ms"), [("1m", 7_001), ("15m", 61_000), ("4h", 900_000)])
def test_each_interval_is_closed_once_and_equals_rest(name: str, step_ms: int) -> None:
    until_ms = START_MS + 9 * HOUR_MS
    heard = [kline for kline in play(name, until_ms, step_ms) if kline["x"]]

    interval = INTERVALS[name]
    wanted = [
        rest_kline(SERIES.listing, bar)
        for bar in klines(SERIES, interval, until_ms, start_ms=START_MS, end_ms=None, limit=1000)
        if interval.after(bar.open_ms) <= until_ms - step_ms
    ]
    assert wanted
    assert [kline["t"] for kline in heard[: len(wanted)]] == [row[0] for row in wanted]
    for kline, row in zip(heard, wanted, strict=False):
        assert [kline[field] for field in "ohlcv"] == row[1:6]
        assert [kline[field] for field in "TqnVQ"] == row[6:11]


@pytest.mark.parametrize(("name", "opens_at"), [("1h", 0), ("8h", 0), ("1d", 16), ("1w", 16)])
def test_intervals_of_utc_plus_8(name: str, opens_at: int) -> None:
    span_ms = INTERVALS[name].span_ms
    assert span_ms is not None
    heard = play(f"{name}@+08:00", START_MS + 9 * 24 * HOUR_MS, 1_800_000)
    opens = sorted({kline["t"] for kline in heard})

    assert {kline["i"] for kline in heard} == {name}
    assert {kline["T"] - kline["t"] + 1 for kline in heard} == {span_ms}
    assert {late - early for early, late in pairwise(opens)} <= {span_ms, 2 * HOUR_MS}
    assert (opens[-1] // HOUR_MS - opens_at) % min(span_ms // HOUR_MS, 24) == 0
    closed = [kline for kline in heard if kline["x"]]
    assert len(closed) == len({kline["t"] for kline in closed})
    for kline in closed:
        hours = [
            SERIES.closed_bar(open_ms)
            for open_ms in range(kline["t"], kline["T"], HOUR_MS)
            if SERIES.state(open_ms) is not HourState.ABSENT
        ]
        assert kline["n"] == sum(bar.trades for bar in hours)


def test_months_of_utc_plus_8_begin_16_hours_before() -> None:
    month = INTERVALS["1M"].shifted(8 * HOUR_MS)

    first = month.floor(START_MS)

    assert START_MS - first == 8 * HOUR_MS  # 2025-12-31 16:00 UTC is 2026-01-01 there
    assert month.floor(first - 1) < first
    assert month.after(first) - first == 31 * 24 * HOUR_MS


def test_an_unlisted_symbol_is_silent() -> None:
    hub = Hub()
    listener = Listener(hub, "dotusdt@kline_1m")
    streams = KlineStreams(BOOK.series, hub, update_s=0.0, is_listed=lambda _symbol: False)
    for minute in range(5):
        streams.turn(START_MS + 60_000 * minute)
    hub.flush()

    assert listener.klines == []


def test_updates_come_only_with_new_trades() -> None:
    updates = [kline["L"] for kline in play("1d", START_MS + HOUR_MS, 5_000) if not kline["x"]]

    assert len(updates) > 10
    assert updates == sorted(set(updates))


def test_a_stream_that_nobody_hears_costs_nothing() -> None:
    hub = Hub()
    listener = Listener(hub, "dotusdt@kline_1m")
    streams = KlineStreams(BOOK.series, hub, update_s=0.0)
    streams.turn(START_MS + 1)
    hub.remove(listener.client)

    streams.turn(START_MS + HOUR_MS)
    hub.flush()

    assert all(not kline["x"] for kline in listener.klines)
