"""Numbers, spans of time and times as text. Pure: the clock is always an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

NOTHING = "–"
MINUS = "−"


@lru_cache(maxsize=256)
def tick_decimals(tick: Decimal) -> int:
    """Return how many decimals a tick size asks for: 0.01 → 2, 0.00001000 → 5, 1 → 0."""
    exponent = tick.normalize().as_tuple().exponent
    assert isinstance(exponent, int), f"tick size {tick} is not finite"
    return max(0, -exponent)


def price(value: Decimal | None, tick: Decimal) -> str:
    """Return a price in quote units with the symbol's decimals: '61,685.99', '0.11700'.

    A price that is finer than the tick keeps its digits, for rounding would hide a fault.
    """
    if value is None:
        return NOTHING
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int), f"price {value} is not finite"
    return f"{value:,.{max(tick_decimals(tick), -exponent)}f}"


def rounded_price(value: Decimal | float | None, tick: Decimal) -> str:
    """Return a price that has gone through floats to the tick: finer digits of it mean nothing."""
    if value is None:
        return NOTHING
    return price((Decimal(value) / tick).quantize(Decimal(1)) * tick, tick)


def price_number(text: str) -> Decimal:
    """Return the exact value of a text made by `price`.

    Raises:
        decimal.InvalidOperation: if the text holds no number.
    """
    return Decimal(text.replace(",", "").replace(MINUS, "-"))


def percent(ratio: Decimal | float | None, decimals: int = 2, *, sign: bool = True) -> str:
    """Return a ratio as percent: 0.0123 → '+1.23 %'; a value that rounds to zero has no sign."""
    if ratio is None:
        return NOTHING
    quantum = Decimal(1).scaleb(-decimals)
    value = (Decimal(str(ratio)) * 100).quantize(quantum, ROUND_HALF_EVEN)
    if not value:
        return f"{abs(value)} %"
    mark = MINUS if value < 0 else "+" if sign else ""
    return f"{mark}{abs(value)} %"


def share(value: float | None, error: float | None = None, decimals: int = 1) -> str:
    """Return a share, with its standard error, of so many decimals, if there is one: '52.1 % ± 1.3'."""
    if value is None:
        return NOTHING
    around = "" if error is None else f" ± {100 * error:.{decimals}f}"
    return f"{percent(value, 1, sign=False)}{around}"


def statistic(value: float | None) -> str:
    """Return a t or its like with its sign: '+2.3'."""
    return NOTHING if value is None else f"{value:+.1f}".replace("-", MINUS)


def change(new: Decimal | None, old: Decimal | None) -> Decimal | None:
    """Return the relative change from old to new, None where either is missing or old is 0."""
    if new is None or not old:
        return None
    return new / old - 1


def amount(value: Decimal | float | None) -> str:
    """Return a quantity in three to four digits: '1,234', '12.3 M', '0.00042'."""
    if value is None:
        return NOTHING
    number = float(value)
    for limit, scale, unit in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(number) >= limit:
            return f"{number / scale:.1f} {unit}"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: '42 s', '12 min 30 s', '3 d 4 h'."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def milliseconds(length_ms: int | None) -> str:
    """Return a length of time in ms in the unit that fits: '40 ms', '1.2 s', '2 min 03 s'."""
    if length_ms is None:
        return NOTHING
    if abs(length_ms) < 1000:
        return f"{length_ms} ms".replace("-", MINUS)
    if abs(length_ms) < 10_000:
        return f"{length_ms / 1000:.1f} s".replace("-", MINUS)
    return span(timedelta(milliseconds=length_ms))


def ago(length: timedelta) -> str:
    """Return an age without jitter below two seconds: 'just now', '42 s ago'."""
    return "just now" if length < timedelta(seconds=2) else f"{span(length)} ago"


def clock_time(time: datetime, zone: ZoneInfo) -> str:
    """Return the time of day in a zone, 'HH:MM'."""
    return time.astimezone(zone).strftime("%H:%M")


def day_time(time: datetime, zone: ZoneInfo) -> str:
    """Return date and time of day in a zone, 'YYYY-MM-DD HH:MM'."""
    return time.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def both_times(time: datetime, zone: ZoneInfo) -> str:
    """Return a time in the viewer's zone with UTC beside it; UTC alone where they are the same."""
    in_utc = f"{day_time(time, ZoneInfo('UTC'))} UTC"
    if time.astimezone(zone).utcoffset() == time.astimezone(UTC).utcoffset():
        return in_utc
    here = time.astimezone(zone)
    if here.date() == time.astimezone(UTC).date():
        in_utc = f"{clock_time(time, ZoneInfo('UTC'))} UTC"
    return f"{here:%Y-%m-%d %H:%M} {zone.key} · {in_utc}"


def address_time(time: datetime) -> str:
    """Return a time as it stands in a page's address: UTC to the minute, '2026-01-01T15:00Z'."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def time_of_address(text: str) -> datetime | None:
    """Return the time that `address_time` wrote, None where there is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None
