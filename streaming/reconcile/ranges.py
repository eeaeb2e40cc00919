"""A range of whole hours, and which of them are closed for sure. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from conf.names import DAY_MS, HOUR_MS, hour_open_ms, utc_date, utc_time

GRACE_MS = 30_000
"""Exchange ms that the exchange itself may take to close its klines."""
GRACE_WALL_S = 10.0
"""Wall seconds that a candle may take from its close to the last store; p95 is two."""


@dataclass(frozen=True, slots=True)
class HourRange:
    """Hours by open time, UTC epoch ms; `until_ms` is exclusive. Both are full hours."""

    from_ms: int
    until_ms: int

    def __post_init__(self) -> None:
        """Refuse what is no range of hours.

        Raises:
            ValueError: saying what is wrong, in one line.
        """
        if self.from_ms % HOUR_MS or self.until_ms % HOUR_MS:
            message = f"{self} does not begin and end at full hours"
            raise ValueError(message)
        if self.from_ms >= self.until_ms:
            message = f"{self} holds no hour"
            raise ValueError(message)

    def __contains__(self, open_time_ms: int) -> bool:
        return self.from_ms <= open_time_ms < self.until_ms

    def __len__(self) -> int:
        return (self.until_ms - self.from_ms) // HOUR_MS

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.from_ms, self.until_ms, HOUR_MS))

    def __str__(self) -> str:
        return f"{time_text(self.from_ms)} to {time_text(self.until_ms)}"

    def parts(self, hours: int) -> Iterator[HourRange]:
        """Yield the range in parts of at most so many hours, whole days, cut at UTC midnights."""
        begin_ms = self.from_ms
        while begin_ms < self.until_ms:
            end_ms = min(day_of(begin_ms) + hours * HOUR_MS, self.until_ms)
            yield HourRange(begin_ms, end_ms)
            begin_ms = end_ms

    def only(self, days: Iterable[int]) -> Iterator[HourRange]:
        """Yield the hours that lie in these days (UTC epoch ms), neighbouring days as one range."""
        # In a run of days each one less its place among all is the same.
        places = enumerate(sorted(days))
        for _, run in groupby(places, key=lambda place: place[1] - place[0] * DAY_MS):
            found = [day_ms for _, day_ms in run]
            yield HourRange(max(found[0], self.from_ms), min(found[-1] + DAY_MS, self.until_ms))

    def dates(self) -> list[str]:
        """Return the UTC dates that the hours lie in, ``YYYY-MM-DD``, oldest first."""
        return [utc_date(day_ms) for day_ms in range(day_of(self.from_ms), self.until_ms, DAY_MS)]


def day_of(time_ms: int) -> int:
    """Return the UTC midnight before a time, UTC epoch ms."""
    return time_ms - time_ms % DAY_MS


def time_text(epoch_ms: int) -> str:
    """Return a time as people and the command line write it: ``2026-01-01T00:00Z``."""
    return utc_time(epoch_ms).strftime("%Y-%m-%dT%H:%MZ")


def closed_until_ms(exchange_now_ms: int, speed: float) -> int:
    """Return up to when hours are closed and had the time to reach every store.

    Args:
        exchange_now_ms: the exchange's time, UTC epoch ms.
        speed: exchange seconds per wall second; the stores' own delay is wall time.
    """
    grace_ms = max(GRACE_MS, int(GRACE_WALL_S * 1000 * speed))
    return hour_open_ms(exchange_now_ms - grace_ms)
