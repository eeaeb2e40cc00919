"""Klines of any interval: which ones REST returns, and that they agree with each other."""

from __future__ import annotations

from itertools import pairwise

import pytest

from conf.names import HOUR_MS, epoch_ms, utc_time
from conf.standin import StandInSettings
from exchange.bars import merge_bars
from exchange.book import synthetic_book
from exchange.intervals import HOURLY, INTERVALS, klines
from exchange.units import zone_ms

pytestmark = pytest.mark.unit

BOOK = synthetic_book(
    StandInSettings(
        symbols=("DOTUSDT",), history_hours=100, quiet_hours=("DOTUSDT:1",), halted_hours=("*:2",)
    )
)
SERIES = BOOK.series["DOTUSDT"]
START_MS = BOOK.live_start_ms
NOW_MS = START_MS + 4 * HOUR_MS + 1_800_000


def opens(**bounds: int | None) -> list[int]:
    chosen = {"start_ms": None, "end_ms": None, "limit": 500, **bounds}
    bars = klines(SERIES, HOURLY, NOW_MS, **chosen)  # type: ignore[arg-type]  # a plain dict
    return [(bar.open_ms - START_MS) // HOUR_MS for bar in bars]


def test_the_latest_come_without_bounds_and_the_halted_hour_is_absent() -> None:
    assert opens(limit=5) == [-1, 0, 1, 3, 4]


def test_a_start_gives_the_oldest_from_there() -> None:
    assert opens(start_ms=START_MS - 2 * HOUR_MS, limit=3) == [-2, -1, 0]
    assert opens(start_ms=START_MS - 2 * HOUR_MS + 1, limit=2) == [-1, 0]


def test_an_end_gives_the_latest_up_to_it() -> None:
    assert opens(end_ms=START_MS, limit=2) == [-1, 0]
    assert opens(end_ms=START_MS - 1, limit=2) == [-2, -1]


def test_both_bounds_are_on_open_times_and_inclusive() -> None:
    assert opens(start_ms=START_MS - HOUR_MS, end_ms=START_MS + HOUR_MS) == [-1, 0, 1]


def test_all_of_the_past_is_there_and_nothing_before_or_after() -> None:
    assert opens(start_ms=0, limit=1000) == [*range(-100, 2), 3, 4]
    assert opens(start_ms=NOW_MS + HOUR_MS) == []
    assert opens(end_ms=0) == []


def test_the_open_hour_is_as_far_as_it_is_known() -> None:
    (bar,) = klines(SERIES, HOURLY, NOW_MS, start_ms=None, end_ms=None, limit=1)
    trades = SERIES.trades(bar.open_ms)

    assert trades is not None
    assert bar.trades == trades.seen(NOW_MS) < len(trades.price)


@pytest.mark.parametrize("name", ["1s", "1m", "3m", "5m", "15m", "30m"])
def test_parts_of_an_hour_add_up_to_it(name: str) -> None:
    parts = klines(
        SERIES,
        INTERVALS[name],
        NOW_MS,
        start_ms=START_MS,
        end_ms=START_MS + HOUR_MS - 1,
        limit=3_600,
    )

    assert merge_bars(parts, START_MS, HOUR_MS) == SERIES.closed_bar(START_MS)


@pytest.mark.parametrize("name", ["2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"])
def test_longer_intervals_are_made_of_hours(name: str) -> None:
    bars = klines(SERIES, INTERVALS[name], NOW_MS, start_ms=0, end_ms=None, limit=1000)
    hours = klines(SERIES, HOURLY, NOW_MS, start_ms=0, end_ms=None, limit=1000)

    # The first interval began before the listing, so that its start is older than any hour.
    assert sum(bar.trades for bar in bars) == sum(bar.trades for bar in hours)
    assert bars[-1].close == hours[-1].close
    assert max(bar.high for bar in bars) == max(bar.high for bar in hours)


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    time_ms = epoch_ms(utc_time(1_767_225_600_000))  # Thursday 2026-01-01

    assert utc_time(INTERVALS["1w"].floor(time_ms)).strftime("%a %d") == "Mon 29"
    assert utc_time(INTERVALS["1M"].floor(time_ms + 20 * 24 * HOUR_MS)).day == 1
    assert utc_time(INTERVALS["1M"].after(time_ms)).strftime("%Y-%m-%d") == "2026-02-01"
    assert utc_time(INTERVALS["1M"].before(time_ms)).strftime("%Y-%m-%d") == "2025-12-01"


@pytest.mark.parametrize("name", ["15m", "1h", "4h", "1d", "1w", "1M"])
@pytest.mark.parametrize("zone", ["8", "-1:00", "05:45", "-03:30", "14", "-12"])
def test_a_time_zone_shifts_the_intervals_and_loses_no_trade(name: str, zone: str) -> None:
    interval = INTERVALS[name].shifted(zone_ms(zone))
    limit = 100_000

    bars = klines(SERIES, interval, NOW_MS, start_ms=0, end_ms=None, limit=limit)

    hours = klines(SERIES, HOURLY, NOW_MS, start_ms=0, end_ms=None, limit=limit)
    for field in ("trades", "volume", "quote", "buy_volume", "buy_quote"):
        assert sum(getattr(bar, field) for bar in bars) == sum(getattr(h, field) for h in hours)
    traded = [bar for bar in bars if bar.trades]
    assert all(late.first_id == early.last_id + 1 for early, late in pairwise(traded))
    for bar in bars:
        local = utc_time(bar.open_ms + zone_ms(zone))
        assert interval.floor(bar.open_ms) == bar.open_ms
        assert (local.minute % 15, local.second) == (0, 0)
        assert name not in ("1d", "1w", "1M") or local.hour == 0


def test_bars_of_a_shifted_hour_are_those_of_its_trades() -> None:
    interval = HOURLY.shifted(zone_ms("05:45"))
    wanted_ms = START_MS - 2 * HOUR_MS + 15 * 60_000
    (bar,) = klines(SERIES, interval, NOW_MS, start_ms=wanted_ms, end_ms=None, limit=1)

    inside = []
    for hour in (SERIES.trades(START_MS - 2 * HOUR_MS), SERIES.trades(START_MS - HOUR_MS)):
        assert hour is not None
        moments = hour.moments()
        kept = (moments >= wanted_ms) & (moments < wanted_ms + HOUR_MS)
        inside += list(zip(hour.trade_id[kept], hour.price[kept], strict=True))
    assert (bar.open_ms, bar.close_ms) == (wanted_ms, wanted_ms + HOUR_MS - 1)
    assert (bar.first_id, bar.open) == inside[0]
    assert (bar.last_id, bar.close) == inside[-1]
    assert bar.trades == len(inside)
