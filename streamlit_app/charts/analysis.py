"""Charts of the daily analysis: returns, volatility, rebased closes, correlations, hours of the day. Pure.

Its days and hours are UTC's, whatever zone the viewer has chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache

import altair as alt
import pandas as pd

from conf.names import DAY_MS
from streamlit_app import theme
from streamlit_app.charts.base import Spec, finished, time_x
from streamlit_app.records.analysis import (
    AggregateRow,
    CorrelationRow,
    PatternRow,
    RebasedRow,
    VolatilityRow,
)

HEIGHT = 260
VOLATILITIES = {
    "volatility_24h": "1 day",
    "volatility_7d": "7 days",
    "volatility_30d": "30 days",
}


def _ms(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000


def _legend(columns: int) -> alt.Legend:
    """Return a legend on top; channels of one field that have equal ones share it."""
    return alt.Legend(orient="top", title=None, columns=columns)


def return_frame(rows: Sequence[AggregateRow], days: int) -> pd.DataFrame:
    """Return one row per day, or week of 7 days, whose return is known."""
    return pd.DataFrame(
        [
            {
                "begin": _ms(row.begin),
                "end": _ms(row.begin) + 0.8 * days * DAY_MS,
                "value": row.simple_return,
                "direction": "up" if row.simple_return >= 0 else "down",
                "Day": f"{row.begin}",
            }
            for row in rows
            if row.simple_return is not None
        ],
        columns=["begin", "end", "value", "direction", "Day"],
    )


@cache
def return_spec() -> Spec:
    """Return bars of returns, up and down by colour and by side."""
    colour = alt.Color(
        "direction:N",
        scale=alt.Scale(domain=["up", "down"], range=[theme.UP, theme.DOWN]),
        legend=None,
    )
    bars = (
        alt.Chart()
        .mark_rect(stroke=None)
        .encode(
            x=time_x("begin", axis=True),
            x2="end:T",
            y=alt.Y("value:Q", title="return", axis=alt.Axis(format="+.1%", tickCount=6)),
            y2=alt.datum(0),
            color=colour,
            tooltip=["Day:N", alt.Tooltip("value:Q", format="+.2%", title="Return")],
        )
    )
    return finished(bars.properties(height=HEIGHT))


def volatility_frame(rows: Sequence[VolatilityRow]) -> pd.DataFrame:
    """Return one row per day and window."""
    return pd.DataFrame(
        [
            {
                "time": _ms(row.day),
                "window": name,
                "value": getattr(row, field),
                "Day": f"{row.day}",
            }
            for field, name in VOLATILITIES.items()
            for row in rows
        ],
        columns=["time", "window", "value", "Day"],
    ).astype({"value": float})


@cache
def volatility_spec() -> Spec:
    """Return the rolling volatility: a line per window; a day without a figure interrupts it."""
    names = list(VOLATILITIES.values())
    chart = (
        alt.Chart()
        .mark_line(strokeWidth=1.6)
        .encode(
            x=time_x("time", axis=True),
            y=alt.Y("value:Q", title="volatility a year", axis=alt.Axis(format=".0%", tickCount=6)),
            color=alt.Color(
                "window:N",
                scale=alt.Scale(domain=names, range=[theme.HOLE, theme.UP, theme.FORECAST]),
                legend=_legend(3),
            ),
            strokeDash=alt.StrokeDash(
                "window:N",
                scale=alt.Scale(domain=names, range=[[2, 2], [6, 2], [1, 0]]),
                legend=None,
            ),
            tooltip=["Day:N", "window:N", alt.Tooltip("value:Q", format=".1%", title="Volatility")],
        )
    )
    return finished(chart.properties(height=HEIGHT))


def rebased_frame(rows: Sequence[RebasedRow]) -> pd.DataFrame:
    """Return one row per coin and day."""
    return pd.DataFrame(
        [
            {
                "time": _ms(row.day),
                "coin": row.symbol.removesuffix("USDT"),
                "value": row.rebased,
                "Day": f"{row.day}",
                "Since": f"{row.base_day}",
            }
            for row in rows
        ],
        columns=["time", "coin", "value", "Day", "Since"],
    )


@cache
def rebased_spec(coins: tuple[str, ...]) -> Spec:
    """Return a line per coin, all on a logarithmic scale that begins with 1."""
    names = list(coins)
    chart = (
        alt.Chart()
        .mark_line(strokeWidth=1.8)
        .encode(
            x=time_x("time", axis=True),
            y=alt.Y(
                "value:Q",
                title="× its first day",
                scale=alt.Scale(type="log", nice=False, padding=10),
                axis=alt.Axis(format=",~r", tickCount=6),
            ),
            color=alt.Color(
                "coin:N",
                scale=alt.Scale(domain=names, range=list(theme.COINS)),
                legend=_legend(5),
            ),
            strokeDash=alt.StrokeDash(
                "coin:N", scale=alt.Scale(domain=names, range=theme.COIN_DASHES), legend=_legend(5)
            ),
            tooltip=[
                *("Day:N", "coin:N", "Since:N"),
                alt.Tooltip("value:Q", format=",.3f", title="× first day"),
            ],
        )
    )
    return finished(chart.properties(height=340))


def correlation_frame(rows: Sequence[CorrelationRow]) -> pd.DataFrame:
    """Return one row per ordered pair; `place` keeps the coins in their order."""
    coins = list(dict.fromkeys(row.symbol for row in rows))
    return pd.DataFrame(
        [
            {
                "coin": row.symbol.removesuffix("USDT"),
                "other": row.other.removesuffix("USDT"),
                "value": row.correlation,
                "place": coins.index(row.symbol),
                "other_place": coins.index(row.other) if row.other in coins else len(coins),
                "Hours": row.returns,
            }
            for row in rows
        ],
        columns=["coin", "other", "value", "place", "other_place", "Hours"],
    ).astype({"value": float, "Hours": float})


@cache
def correlation_spec() -> Spec:
    """Return the matrix: orange below 0, blue above, with the figure in each field."""
    order = alt.EncodingSortField("place", op="min")
    x = alt.X(
        "other:N",
        title=None,
        sort=alt.EncodingSortField("other_place", op="min"),
        axis=alt.Axis(orient="top", labelAngle=0),
    )
    y = alt.Y("coin:N", title=None, sort=order)
    fields = (
        alt.Chart()
        .mark_rect()
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "value:Q",
                scale=alt.Scale(domain=[-1, 0, 1], range=[theme.DOWN, theme.FIELD, theme.UP]),
                legend=None,
            ),
            tooltip=[
                *("coin:N", "other:N"),
                alt.Tooltip("value:Q", format="+.3f", title="Correlation"),
                "Hours:Q",
            ],
        )
    )
    figures = (
        alt.Chart()
        .mark_text(fontSize=11, color=theme.INK)
        .encode(x=x, y=y, text=alt.Text("value:Q", format=".2f"))
    )
    return finished(alt.layer(fields, figures).properties(height={"step": 30}))


def pattern_frame(rows: Sequence[PatternRow]) -> pd.DataFrame:
    """Return one row per hour of the day, UTC."""
    return pd.DataFrame(
        [
            {
                "hour": f"{row.hour:02d}",
                "move": row.mean_abs_return,
                "volume": row.mean_relative_volume,
                "Days": row.returns,
            }
            for row in rows
        ],
        columns=["hour", "move", "volume", "Days"],
    ).astype({"move": float, "volume": float})


@cache
def pattern_spec(field: str) -> Spec:
    """Return bars by hour of the day: `move` is the mean |return|, `volume` the share of a usual hour."""
    title, form, colour = {
        "move": ("mean |return|", ".2%", theme.FORECAST),
        "volume": ("volume ÷ usual hour", ".2f", theme.UP),
    }[field]
    chart = (
        alt.Chart()
        .mark_bar(color=colour)
        .encode(
            x=alt.X("hour:N", title="hour of the day, UTC", axis=alt.Axis(labelAngle=0)),
            y=alt.Y(f"{field}:Q", title=title, axis=alt.Axis(format=form, tickCount=5)),
            tooltip=[
                alt.Tooltip("hour:N", title="Hour, UTC"),
                alt.Tooltip(f"{field}:Q", format=form, title=title.capitalize()),
                "Days:Q",
            ],
        )
    )
    return finished(chart.properties(height=200))
