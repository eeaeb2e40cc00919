"""Kline intervals, and the klines of any interval from a series of hours. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from conf.names import DAY_MS, HOUR_MS, epoch_ms, hour_open_ms, utc_time
from exchange.bars import Bar, merge_bars
from exchange.series import Series

_MINUTE_MS = 60_000
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05
_FIRST_MS = epoch_ms(datetime(2009, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Interval:
    """A kline interval; `span_ms` is None for months, which have no fixed length.

    `offset_ms` is the open time of one interval, for months that of the time zone's first one.
    """

    name: str
    span_ms: int | None
    offset_ms: int = 0

    def floor(self, time_ms: int) -> int:
        """Return the open time of the interval that holds a moment."""
        if self.span_ms is None:
            local = utc_time(time_ms - self.offset_ms)
            first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return epoch_ms(first) + self.offset_ms
        return time_ms - (time_ms - self.offset_ms) % self.span_ms

    def after(self, open_ms: int) -> int:
        """Return the open time of the next interval."""
        if self.span_ms is None:
            return self.floor(open_ms + 32 * DAY_MS)
        return open_ms + self.span_ms

    def shifted(self, east_ms: int) -> Interval:
        """Return the interval of a time zone that is so far ahead of UTC."""
        return replace(self, offset_ms=self.offset_ms - east_ms)

    def before(self, open_ms: int) -> int:
        """Return the open time of the interval before."""
        return self.floor(open_ms - 1)


INTERVALS = {
    interval.name: interval
    for interval in (
        Interval("1s", 1_000),
        *(Interval(f"{n}m", n * _MINUTE_MS) for n in (1, 3, 5, 15, 30)),
        *(Interval(f"{n}h", n * HOUR_MS) for n in (1, 2, 4, 6, 8, 12)),
        Interval("1d", DAY_MS),
        Interval("3d", 3 * DAY_MS),
        Interval("1w", 7 * DAY_MS, _MONDAY_MS),
        Interval("1M", None),
    )
}
HOURLY = INTERVALS["1h"]


def klines(
    series: Series,
    interval: Interval,
    now_ms: int,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[Bar]:
    """Return bars in order of time, as REST ``klines`` chooses them.

    Bounds are on open times and inclusive. With a start the oldest from there; without, the most
    recent up to the end. Absent intervals are skipped. The open interval is as far as it is known.
    """
    end = now_ms if end_ms is None else min(end_ms, now_ms)
    bars: list[Bar] = []
    opens = (
        _opens_back(interval, end, series.first_open_ms)
        if start_ms is None
        else _opens_from(interval, max(start_ms, interval.floor(series.first_open_ms)), end)
    )
    for open_ms in opens:
        if len(bars) == limit:
            break
        bar = interval_bar(series, interval, open_ms, now_ms)
        if bar is not None:
            bars.append(bar)
    return bars if start_ms is not None else bars[::-1]


def interval_bar(series: Series, interval: Interval, open_ms: int, now_ms: int) -> Bar | None:
    """Return the bar of one interval as far as it is known, None if absent."""
    end_ms = interval.after(open_ms)
    parts = []
    begin_ms = open_ms
    while begin_ms < min(end_ms, now_ms + 1):
        hour_ms = hour_open_ms(begin_ms)
        stop_ms = min(hour_ms + HOUR_MS, end_ms)
        bar = series.bar(hour_ms, now_ms)
        if bar is not None and stop_ms - begin_ms < HOUR_MS:
            # A time zone's interval may begin and end within hours.
            bar = series.bar_between(begin_ms, min(stop_ms, now_ms + 1), begin_ms, HOUR_MS)
        if bar is not None:
            parts.append(bar)
        begin_ms = stop_ms
    return merge_bars(parts, open_ms, end_ms - open_ms) if parts else None


def _opens_from(interval: Interval, start_ms: int, end_ms: int) -> Iterator[int]:
    open_ms = interval.floor(start_ms)
    if open_ms < start_ms:
        open_ms = interval.after(open_ms)
    while open_ms <= end_ms:
        yield open_ms
        open_ms = interval.after(open_ms)


def _opens_back(interval: Interval, end_ms: int, first_ms: int) -> Iterator[int]:
    if end_ms < _FIRST_MS:
        return
    open_ms = interval.floor(end_ms)
    last_ms = interval.floor(first_ms)
    while open_ms >= last_ms:
        yield open_ms
        open_ms = interval.before(open_ms)
