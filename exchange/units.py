"""Milliseconds or microseconds, and time zones: what a client asked for (binance.md 2 and 5). Pure."""

from __future__ import annotations

import re

from conf.names import HOUR_MS
from exchange.errors import ApiError

_MICRO = {"MICROSECOND", "microsecond"}
_MILLI = {"MILLISECOND", "millisecond"}
# Larger than any time in ms until the year 5138, smaller than any in us after 1973.
_FIRST_MICRO = 10**14
_ZONE = re.compile(r"^([+-]?)(\d{1,2})(?::(\d{2}))?$")
_WEST_MS, _EAST_MS = -12 * HOUR_MS, 14 * HOUR_MS


def is_micro(unit: str | None) -> bool:
    """Tell whether a client wants microseconds; None means that it did not say.

    Raises:
        ApiError: -1194 if the unit is neither.
    """
    if unit is None or unit in _MILLI:
        return False
    if unit in _MICRO:
        return True
    raise ApiError(
        -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
    )


def to_milliseconds(time: int) -> int:
    """Return a time parameter, given in ms or us, in ms."""
    return time // 1000 if time >= _FIRST_MICRO else time


def zone_ms(text: str | None) -> int:
    """Return by how much a time zone such as ``-1:00``, ``05:45`` or ``8`` is ahead of UTC.

    Raises:
        ApiError: -1130 if it is no time zone from -12:00 to +14:00.
    """
    # A plus sign in a query is read as a space.
    match = _ZONE.match((text or "0").replace(" ", "+"))
    if match:
        sign, hours, minutes = match.groups()
        ahead = int(hours) * HOUR_MS + int(minutes or 0) * 60_000
        ahead = -ahead if sign == "-" else ahead
        if int(minutes or 0) < 60 and _WEST_MS <= ahead <= _EAST_MS:
            return ahead
    raise ApiError(-1130, "Data sent for parameter 'timeZone' is not valid.")
