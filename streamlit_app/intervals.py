"""Ranges and bars of a chart: how far back it looks, and how many hours one bar holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# More bars than a wide screen has room for say no more and cost each refresh more.
COMFORTABLE_BARS = 760
MOST_BARS = 2400
"""Of bars that a viewer asks for: 100 days of hours."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The length of one bar; bars begin at `origin` plus whole lengths."""

    name: str
    step: timedelta
    origin: datetime

    @property
    def hours(self) -> int:
        """Return how many hours a bar holds."""
        return self.step // HOUR

    def floor(self, time: datetime) -> datetime:
        """Return the beginning of the bar that a time falls into."""
        return time - (time - self.origin) % self.step


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
HOURLY = Interval("1 hour", HOUR, _EPOCH)
FOUR_HOURS = Interval("4 hours", 4 * HOUR, _EPOCH)
DAILY = Interval("1 day", DAY, _EPOCH)
WEEKLY = Interval("1 week", 7 * DAY, _MONDAY)
INTERVALS = (HOURLY, FOUR_HOURS, DAILY, WEEKLY)
AUTOMATIC = "auto"
INTERVAL_NAMES = (AUTOMATIC, *(interval.name for interval in INTERVALS))

# None is all there is.
RANGES: dict[str, timedelta | None] = {
    "1 day": DAY,
    "3 days": 3 * DAY,
    "1 week": 7 * DAY,
    "1 month": 30 * DAY,
    "3 months": 90 * DAY,
    "1 year": 365 * DAY,
    "3 years": 3 * 365 * DAY,
    "all": None,
}
DEFAULT_RANGE = "3 days"


def interval_for(length: timedelta, wanted: str = AUTOMATIC) -> Interval:
    """Return the shortest bar that fits a range.

    Args:
        length: of the range.
        wanted: name of the bar that a viewer asks for; it is taken unless that were too many bars.
    """
    if wanted != AUTOMATIC:
        (found,) = (interval for interval in INTERVALS if interval.name == wanted)
        if length / found.step <= MOST_BARS:
            return found
    fitting = (interval for interval in INTERVALS if length / interval.step <= COMFORTABLE_BARS)
    return next(fitting, WEEKLY)
