"""Times, symbols and ranges as the command line takes them. Pure."""

from __future__ import annotations

from datetime import datetime

from conf.names import HOUR_MS, epoch_ms
from local.errors import LocalError


def parse_time(text: str, option: str) -> int:
    """Return a full hour as UTC epoch ms.

    Args:
        text: ISO 8601 with its zone: ``2026-01-01T00:00Z`` or ``2026-01-01T02:00+02:00``.
        option: named in the error.

    Raises:
        LocalError: if it is no time, has no zone, or is no full hour.
    """
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        message = f"{option}: {text!r} is no time; write it as 2026-01-01T00:00Z"
        raise LocalError(message) from error
    if time.tzinfo is None:
        message = f"{option}: {text!r} has no time zone; append Z for UTC"
        raise LocalError(message)
    found = epoch_ms(time)
    if found % HOUR_MS:
        message = f"{option}: {text!r} is no full hour"
        raise LocalError(message)
    return found


def parse_symbols(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """Return symbols of a comma separated list, upper case, each once; the run's own without one.

    Raises:
        LocalError: if the list is empty.
    """
    if text is None:
        return default
    found = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    if not found:
        message = f"--symbols: {text!r} names none; write them as BTCUSDT,ETHUSDT"
        raise LocalError(message)
    return found
