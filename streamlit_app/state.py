"""What survives a reload: page, coin, range and time zone, all of them in the page's address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import streamlit as st

UTC_NAME = "UTC"
RANGES = {
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "1 week": timedelta(days=7),
    "1 month": timedelta(days=30),
    "3 months": timedelta(days=90),
}
DEFAULT_RANGE = "3 days"


def zone_named(name: str | None) -> ZoneInfo:
    """Return the zone of that name, UTC where there is none: an address may hold anything. Pure."""
    try:
        return ZoneInfo(name) if name else ZoneInfo(UTC_NAME)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(UTC_NAME)


def zone_choices(browser_zone: str | None) -> list[str]:
    """Return UTC, the browser's zone and all regional zones in order, each once. Pure."""
    regional = sorted(name for name in available_timezones() if "/" in name and "Etc" not in name)
    first = [UTC_NAME]
    if browser_zone and zone_named(browser_zone).key == browser_zone:
        first.append(browser_zone)
    return list(dict.fromkeys([*first, *regional]))


def choose_zone() -> None:
    """Draw the selector of the time zone; UTC stands beside every time whatever is chosen."""
    st.selectbox(
        "Time zone",
        zone_choices(st.context.timezone),
        key="tz",
        bind="query-params",
        label_visibility="collapsed",
        width=210,
        help="UTC is shown beside it.",
    )


def choose_symbol(symbols: Sequence[str]) -> str:
    """Draw the selector of the coin and return the choice."""
    chosen: str = st.selectbox("Coin", symbols, key="symbol", bind="query-params", width=160)
    return chosen


def choose_range() -> timedelta:
    """Draw the selector of the chart's range and return it."""
    chosen: str = st.selectbox(
        "Range",
        list(RANGES),
        index=list(RANGES).index(DEFAULT_RANGE),
        key="range",
        bind="query-params",
        width=140,
    )
    return RANGES[chosen]


def zone() -> ZoneInfo:
    """Return the viewer's time zone."""
    return zone_named(st.session_state.get("tz"))
