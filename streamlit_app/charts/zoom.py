"""The part of a chart that a viewer looks at, as local times and as text in the page's address. Pure."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from streamlit_app import formatting as f
from streamlit_app.charts.base import local_ms, utc_of_local

Zoomed = tuple[float, float]

LONGEST = timedelta(days=100 * 365)


def zoom_text(zoomed: Zoomed, zone: ZoneInfo) -> str:
    """Return local times as they stand in an address: UTC, so that they outlive a change of zone."""
    return "~".join(f.address_time(utc_of_local(value, zone)) for value in zoomed)


def zoom_of(text: str | None, zone: ZoneInfo) -> Zoomed | None:
    """Return the local times of an address, None where it holds none: it may hold anything."""
    times = [f.time_of_address(part) for part in (text or "").split("~")]
    if len(times) != 2 or times[0] is None or times[1] is None:
        return None
    if not timedelta(0) < times[1] - times[0] < LONGEST:
        return None
    return local_ms(times[0], zone), local_ms(times[1], zone)


def zoom_of_event(value: object) -> Zoomed | None:
    """Return the local times of what Vega tells of its selection, None once it was reset."""
    ends = next(iter(value.values()), None) if isinstance(value, dict) else None
    if not isinstance(ends, list) or len(ends) != 2:
        return None
    if not all(isinstance(end, int | float) for end in ends):
        return None
    return float(ends[0]), float(ends[1])
