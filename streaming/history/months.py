"""Parts of the calendar that history is loaded by. Pure, UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from conf.names import epoch_ms, utc_time

FIRST_MS = epoch_ms(datetime(2017, 8, 1, tzinfo=UTC))
"""The exchange's first month."""

_BOUND = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A whole month or day.

    Attributes:
        start_ms: its first hour, UTC epoch ms.
        end_ms: exclusive.
        name: ``YYYY-MM`` or ``YYYY-MM-DD``, the chunk's name in `history_load`.
    """

    start_ms: int
    end_ms: int
    name: str


def month_of(time_ms: int) -> Part:
    """Return the month that holds a moment."""
    first = utc_time(time_ms).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = (first + timedelta(days=32)).replace(day=1)
    return Part(epoch_ms(first), epoch_ms(after), f"{first:%Y-%m}")


def months_between(start_ms: int, end_ms: int) -> list[Part]:
    """Return the months that hold any hour from a start to before an end."""
    months: list[Part] = []
    while start_ms < end_ms:
        months.append(month_of(start_ms))
        start_ms = months[-1].end_ms
    return months


def days_of(month: Part) -> list[Part]:
    """Return the days of a month."""
    days = []
    begin = utc_time(month.start_ms)
    while epoch_ms(begin) < month.end_ms:
        after = begin + timedelta(days=1)
        days.append(Part(epoch_ms(begin), epoch_ms(after), f"{begin:%Y-%m-%d}"))
        begin = after
    return days


def parse_bound(text: str, *, is_end: bool) -> int:
    """Return a bound that a person wrote, ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``, as UTC epoch ms.

    Args:
        text: as written.
        is_end: the end of the year, month or day that is named, which then belongs to the range.

    Raises:
        ValueError: if it is none of these.
    """
    match = _BOUND.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        year, month, day = match.groups()
        begin = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    except ValueError as error:
        message = f"{text!r} is no YYYY, YYYY-MM or YYYY-MM-DD"
        raise ValueError(message) from error
    if not is_end:
        return epoch_ms(begin)
    if month is None:
        return epoch_ms(begin.replace(year=begin.year + 1))
    if day is None:
        return month_of(epoch_ms(begin)).end_ms
    return epoch_ms(begin + timedelta(days=1))
