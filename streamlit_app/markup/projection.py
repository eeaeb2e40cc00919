"""HTML of the long projection: what it is, its method in words, and figures at some horizons. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from html import escape
from zoneinfo import ZoneInfo

from streamlit_app import formatting as f
from streamlit_app.markup.base import table
from streamlit_app.records.projection import Fan
from streamlit_app.theme import FORECAST, HOLE, UP

SCENARIOS = (
    "Scenarios, not a forecast of direction: simulated paths without drift, from how far this coin has "
    "moved before. What the median says is about the last price; what the fan says is how wide the "
    "possible is."
)
METHOD_WORDS = {
    "simulated": "simulated from this coin's own volatility and days of all coins",
    "short history": "short history: the coin has less than a year of its own, so the fan borrows other "
    "coins' days; take it as rougher than the others",
    "pegged": "pegged: the coin is tied to the dollar, so paths return to 1; that the peg may break for "
    "good is not in the fan",
    "depegged": "depegged: the coin is tied to the dollar but away from 1 now, so its shocks count more; "
    "that the peg may break for good is not in the fan",
}
HORIZONS = (1, 7, 30, 90, 180)


def introduction(fan: Fan, tick: Decimal, zone: ZoneInfo, now: datetime | None) -> str:
    """Return what the fan is, from when, and how it was made."""
    words = METHOD_WORDS.get(fan.method, fan.method)
    age = f", {f.span(now - fan.origin)} ago" if now is not None and now > fan.origin else ""
    return (
        f'<div class="nh"><p class="nh-note" data-field="scenarios">{SCENARIOS}</p>'
        f"<p>From {f.both_times(fan.origin, zone)}{age} at "
        f"{f.rounded_price(fan.last_close, tick)} USDT, {len(fan.days)} days ahead. "
        f'<span data-field="method">Method: {escape(words)}.</span></p></div>'
    )


def horizon_table(fan: Fan, tick: Decimal, zone: ZoneInfo) -> str:
    """Return the quantiles at some horizons, as prices and as change from the last close."""
    by_day = {day.horizon_days: day for day in fan.days}
    rows = []
    for horizon in HORIZONS:
        day = by_day.get(horizon)
        if day is None:
            continue
        rows.append(
            (
                "1 day" if horizon == 1 else f"{horizon} days",
                f.day_time(fan.origin + timedelta(days=horizon), zone),
                *(
                    _price(value, fan.last_close, tick)
                    for value in (day.q05, day.q25, day.q50, day.q75, day.q95)
                ),
            )
        )
    heads = ("Ahead", "On", "5 %", "25 %", "Median", "75 %", "95 %")
    return table(heads, rows, numbers=(2, 3, 4, 5, 6))


def _price(value: float, last: float, tick: Decimal) -> str:
    return f"{f.rounded_price(value, tick)} ({f.percent(value / last - 1, 1)})"


def legend() -> str:
    """Return what the lines mean."""
    swatches = (
        (f"background:{UP};height:.2rem", "daily closes, also what came after the origin"),
        (f"background:{FORECAST};opacity:.3", "9 of 10 paths"),
        (f"background:{FORECAST};opacity:.6", "every other path"),
        (f"background:{FORECAST};height:.2rem", "median path"),
        (f"background:{HOLE};height:.12rem", "some single paths"),
    )
    parts = [f'<span><i class="swatch" style="{css}"></i>{word}</span>' for css, word in swatches]
    return f'<div class="nh nh-legend">{"".join(parts)}</div>'
