"""What survives a reload: page, coin, range, zoom and time zone, all of them in the page's address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import streamlit as st

from streamlit_app import indicators
from streamlit_app.intervals import AUTOMATIC, DEFAULT_RANGE, INTERVAL_NAMES, RANGES

UTC_NAME = "UTC"
ZOOM_PARAMETER = "zoom"


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


def zone() -> ZoneInfo:
    """Return the viewer's time zone."""
    return zone_named(st.session_state.get("tz"))


def choose(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    default: str | None = None,
    width: int = 140,
    shown: Callable[[str], str] = str,
) -> str:
    """Draw a selector whose choice stands in the address as `key`, and return the choice."""
    chosen: str = st.selectbox(
        label,
        options,
        index=options.index(default) if default else 0,
        key=key,
        bind="query-params",
        width=width,
        format_func=shown,
    )
    return chosen


def choose_symbol(symbols: Sequence[str]) -> str:
    """Draw the selector of the coin and return the choice."""
    return choose("Coin", symbols, "symbol", width=160)


def choose_range() -> str:
    """Draw the selector of the chart's range and return its name."""
    return choose("Range", list(RANGES), "range", default=DEFAULT_RANGE, width=130)


def choose_bars() -> str:
    """Draw the selector of the length of a bar and return its name."""
    return choose(
        "Bars",
        INTERVAL_NAMES,
        "bars",
        width=120,
        shown=lambda name: "automatic" if name == AUTOMATIC else name,
    )


def choose_indicators() -> indicators.Chosen:
    """Draw the selectors of the indicators and return the choice."""
    period: int = st.number_input(
        "Period",
        min_value=2,
        max_value=indicators.MOST_PERIOD,
        value=20,
        key="period",
        bind="query-params",
        width=130,
        help="Bars of SMA, EMA and Bollinger bands.",
    )
    names: list[str] = st.pills(
        "Indicators",
        indicators.NAMES,
        selection_mode="multi",
        key="indicators",
        bind="query-params",
    )
    chosen = tuple(name for name in indicators.NAMES if name in names)
    return indicators.Chosen(chosen, int(period))


def choose_compared(symbols: Sequence[str]) -> list[str]:
    """Draw the selector of several coins and return the choice, all of them where there is none."""
    chosen: list[str] = st.pills(
        "Compare",
        symbols,
        selection_mode="multi",
        key="compare",
        bind="query-params",
        format_func=lambda symbol: symbol.removesuffix("USDT"),
    )
    return [symbol for symbol in symbols if symbol in chosen] or list(symbols)


def address(name: str) -> str | None:
    """Return a parameter of the page's address."""
    value: str | None = st.query_params.get(name)
    return value


def put_address(name: str, value: str | None) -> None:
    """Write a parameter into the page's address, or take it away."""
    if value is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value
