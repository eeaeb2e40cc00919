"""Predicted against actual closes of a test period. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd

from streamlit_app import formatting as f
from streamlit_app.charts.base import Spec, finished, local_ms, time_x
from streamlit_app.intervals import HOUR
from streamlit_app.records.evaluation import Prediction
from streamlit_app.theme import FORECAST, UP

MOST_POINTS = 720


def predicted_frame(rows: Sequence[Prediction], zone: ZoneInfo) -> pd.DataFrame:
    """Return one row per hour, its time being that of the close; the last 30 days of many."""
    return pd.DataFrame(
        [
            {
                "time": local_ms(row.target_open_time + HOUR, zone),
                "q05": row.q05,
                "q50": row.q50,
                "q95": row.q95,
                "actual": row.actual_close,
                "Close at": f.both_times(row.target_open_time + HOUR, zone),
            }
            for row in rows[-MOST_POINTS:]
        ],
        columns=["time", "q05", "q50", "q95", "actual", "Close at"],
    )


@lru_cache(maxsize=64)
def predicted_spec(decimals: int) -> Spec:
    """Return the actual closes over the median and the 90 % band; drag and zoom along the time."""
    form = f",.{decimals}f"
    rows = alt.Chart()

    def price(field: str) -> alt.Y:
        axis = alt.Axis(orient="right", format=",~f", tickCount=6)
        return alt.Y(f"{field}:Q", title=None, scale=alt.Scale(zero=False), axis=axis)

    tips = [alt.Tooltip("Close at:N")] + [
        alt.Tooltip(f"{name}:Q", format=form, title=title)
        for name, title in (
            ("actual", "Actual"),
            ("q50", "Median"),
            ("q05", "5 %"),
            ("q95", "95 %"),
        )
    ]
    chart = alt.layer(
        rows.mark_area(color=FORECAST, opacity=0.25).encode(
            x=time_x("time", axis=True), y=price("q05"), y2="q95:Q"
        ),
        rows.mark_line(color=FORECAST, strokeWidth=1.6, strokeDash=[5, 2]).encode(
            x=time_x("time"), y=price("q50")
        ),
        rows.mark_line(color=UP, strokeWidth=1.6).encode(x=time_x("time"), y=price("actual")),
        rows.mark_rule(opacity=0, strokeWidth=5).encode(
            x=time_x("time"), y=price("q05"), y2="q95:Q", tooltip=tips
        ),
    )
    return finished(chart.properties(height=300))
