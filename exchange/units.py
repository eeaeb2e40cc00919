"""Milliseconds or microseconds: what a client asked for (binance.md 2 and 5). Pure."""

from __future__ import annotations

from exchange.errors import ApiError

_MICRO = {"MICROSECOND", "microsecond"}
_MILLI = {"MILLISECOND", "millisecond"}
# Larger than any time in ms until the year 5138, smaller than any in us after 1973.
_FIRST_MICRO = 10**14


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
