"""The fan of the long projection, with the daily closes before and after its origin. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd

from streamlit_app import formatting as f
from streamlit_app.charts.base import Spec, finished, local_ms, time_x
from streamlit_app.records.projection import DayClose, Fan
from streamlit_app.theme import FORECAST, HOLE, UP

PATHS, CLOSES = "paths", "closes"
QUANTILES = ("q05", "q25", "q50", "q75", "q95")
HEIGHT = 440


def fan_frame(fan: Fan, zone: ZoneInfo) -> pd.DataFrame:
    """Return one row per day ahead, begun by the origin itself."""
    rows = [
        {
            "time": local_ms(fan.origin, zone),
            **dict.fromkeys(QUANTILES, fan.last_close),
            "Day": f.both_times(fan.origin, zone),
        }
    ]
    for day in fan.days:
        time = fan.origin + timedelta(days=day.horizon_days)
        values = {name: float(getattr(day, name)) for name in QUANTILES}
        rows.append({"time": local_ms(time, zone), **values, "Day": f.both_times(time, zone)})
    return pd.DataFrame(rows)


def path_frame(fan: Fan, zone: ZoneInfo) -> pd.DataFrame:
    """Return one row per sample path and day, each path begun at the last close."""
    begun = [(path, 0, fan.last_close) for path in sorted({one.path for one in fan.paths})]
    points = begun + [(one.path, one.horizon_days, one.price) for one in fan.paths]
    return pd.DataFrame(
        [
            {
                "time": local_ms(fan.origin + timedelta(days=days), zone),
                "path": str(path),
                "price": float(price),
            }
            for path, days, price in points
        ],
        columns=["time", "path", "price"],
    )


def close_frame(closes: Sequence[DayClose], zone: ZoneInfo) -> pd.DataFrame:
    """Return one row per day that has a close; `run` numbers stretches without a missing day."""
    rows, run = [], 0
    before = None
    for one in closes:
        if before is not None and one.time - before > timedelta(days=1):
            run += 1
        before = one.time
        rows.append(
            {
                "time": local_ms(one.time, zone),
                "close": one.close,
                "run": str(run),
                "Day": f.both_times(one.time, zone),
            }
        )
    return pd.DataFrame(rows, columns=["time", "close", "run", "Day"])


@lru_cache(maxsize=64)
def fan_spec(decimals: int) -> Spec:
    """Return the specification; prices in tooltips have so many decimals. The y axis is logarithmic."""
    form = f",.{decimals}f"
    rows = alt.Chart()

    def price(field: str) -> alt.Y:
        axis = alt.Axis(orient="right", title=None, format=",~r", tickCount=8)
        scale = alt.Scale(type="log", nice=False, padding=12)
        return alt.Y(f"{field}:Q", scale=scale, axis=axis)

    tips = [alt.Tooltip("Day:N")] + [
        alt.Tooltip(f"{name}:Q", format=form, title=title)
        for name, title in zip(QUANTILES, ("5 %", "25 %", "Median", "75 %", "95 %"), strict=True)
    ]
    closes = alt.Chart(alt.NamedData(CLOSES))
    chart = alt.layer(
        rows.mark_area(color=FORECAST, opacity=0.2).encode(
            x=time_x("time", axis=True), y=price("q05"), y2="q95:Q"
        ),
        rows.mark_area(color=FORECAST, opacity=0.32).encode(
            x=time_x("time"), y=price("q25"), y2="q75:Q"
        ),
        alt.Chart(alt.NamedData(PATHS))
        .mark_line(color=HOLE, strokeWidth=0.8, opacity=0.7)
        .encode(x=time_x("time"), y=price("price"), detail="path:N"),
        rows.mark_line(color=FORECAST, strokeWidth=2).encode(x=time_x("time"), y=price("q50")),
        closes.mark_line(color=UP, strokeWidth=1.8).encode(
            x=time_x("time"), y=price("close"), detail="run:N"
        ),
        closes.mark_point(opacity=0, size=90).encode(
            x=time_x("time"),
            y=price("close"),
            tooltip=[alt.Tooltip("Day:N"), alt.Tooltip("close:Q", format=form, title="Close")],
        ),
        rows.mark_rule(opacity=0, strokeWidth=5).encode(
            x=time_x("time"), y=price("q05"), y2="q95:Q", tooltip=tips
        ),
    )
    return finished(chart.properties(height=HEIGHT).configure_view(strokeOpacity=0))
