"""Line charts of statistics, and the time line of the models. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd

from conf.names import HOUR_MS
from streamlit_app import formatting as f
from streamlit_app.charts.base import Spec, finished, local_ms, time_x
from streamlit_app.records.forecasts import ServedRow
from streamlit_app.theme import FORECAST, HOLE, UP

COVERED = 0.9


def running_frame(running: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """Return the running ratio and coverage with times as the viewer reads them."""
    times = [time.to_pydatetime() for time in pd.to_datetime(running["target_open_time"], utc=True)]
    return pd.DataFrame(
        {
            "time": [local_ms(time, zone) for time in times],
            "ratio": running["ratio"].astype(float),
            "coverage": running["coverage"].astype(float),
            "Hour": [f.both_times(time, zone) for time in times],
        }
    )


@cache
def ratio_spec() -> Spec:
    """Return the running error ratio, with the line of 'same as last'."""
    return _running("ratio", ".4f", "model's error ÷ last close's", 1.0)


@cache
def coverage_spec() -> Spec:
    """Return the running coverage of the 90 % band, with the line where it should be."""
    return _running("coverage", ".1%", "closes inside the 90 % band", COVERED)


def _running(field: str, form: str, title: str, wanted: float) -> Spec:
    base = alt.Chart()
    line = base.mark_line(color=FORECAST, point={"color": FORECAST, "size": 14}).encode(
        x=time_x("time", axis=True),
        y=alt.Y(
            f"{field}:Q",
            scale=alt.Scale(zero=False, padding=12),
            axis=alt.Axis(format=form, tickCount=5),
            title=title,
        ),
        tooltip=[
            alt.Tooltip("Hour:N"),
            alt.Tooltip(f"{field}:Q", format=form, title=field.capitalize()),
        ],
    )
    rule = base.mark_rule(strokeDash=[4, 4], color=HOLE, strokeWidth=1.5).encode(
        y=alt.datum(wanted)
    )
    return finished(alt.layer(rule, line).properties(height=230))


def served_frame(spans: Sequence[ServedRow], zone: ZoneInfo) -> pd.DataFrame:
    """Return one row per span of hours that a version served or was tried in the shadow."""
    return pd.DataFrame(
        [
            {
                "begin": local_ms(span.first_hour, zone),
                "end": local_ms(span.last_hour, zone) + HOUR_MS,
                "version": span.version,
                "how": "served" if span.kind == "live" else "in the shadow",
                "From": f.both_times(span.first_hour, zone),
                "To": f.both_times(span.last_hour, zone),
                "Hours": span.hours,
            }
            for span in spans
        ],
        columns=["begin", "end", "version", "how", "From", "To", "Hours"],
    )


@cache
def served_spec() -> Spec:
    """Return the time line: a bar per version and span of hours."""
    chart = (
        alt.Chart()
        .mark_bar(cornerRadius=2, height={"band": 0.6})
        .encode(
            x=time_x("begin", axis=True),
            x2="end:T",
            y=alt.Y("version:N", title=None, sort=None, axis=alt.Axis(labelLimit=190)),
            color=alt.Color(
                "how:N",
                scale=alt.Scale(domain=["served", "in the shadow"], range=[UP, HOLE]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=["version:N", "how:N", "From:N", "To:N", "Hours:Q"],
        )
    )
    return finished(chart.properties(height={"step": 30}))
