"""Altair charts. Pure: records in, a frame and a specification out.

A specification never depends on the data, and each chart has one single frame: so a refresh only
swaps the rows inside the running view, without flicker and without losing the viewer's zoom.

Times on the x axis are the viewer's own wall time, passed as if it were UTC, since Vega knows only
UTC and the browser's zone. In the hour that daylight saving repeats, two candles share a place; the
tooltip tells them apart by UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd

from streamlit_app import formatting as f
from streamlit_app.markup import VERDICT_WORDS
from streamlit_app.records import CandleRow, ForecastRow
from streamlit_app.theme import DOWN, FORECAST, HOLE, UP

HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000
HEIGHT = 440
VOLUME_SHARE = 0.2
ROWS = "rows"
ZOOM = "zoom"
MARKED = ("partial", "disputed", "revised")

Spec = dict[str, Any]


def local_ms(time: datetime, zone: ZoneInfo) -> float:
    """Return the viewer's wall time as epoch ms in pretended UTC (floats pass unchanged)."""
    offset = time.astimezone(zone).utcoffset() or timedelta(0)
    return (time.timestamp() + offset.total_seconds()) * 1000


def _state(candle: CandleRow | None) -> str:
    """Return the one word that decides how an hour is drawn."""
    if candle is None:
        return "hole"
    if not candle.is_final:
        return "running"
    if candle.verdict in {"partial", "disputed", "quiet"}:
        return candle.verdict
    return "revised" if candle.revision > 1 else candle.verdict or "complete"


def _float(value: Decimal | None) -> float:
    return float("nan") if value is None else float(value)


def _direction(candle: CandleRow | None) -> str:
    if candle is None or candle.open is None or candle.close is None:
        return "none"
    if candle.close == candle.open:
        return "flat"
    return "up" if candle.close > candle.open else "down"


def _outcome(candle: CandleRow | None, forecast: ForecastRow) -> str:
    """Say what came of a forecast, next to what the last close would have told."""
    if candle is None or not candle.is_final or candle.close is None:
        return ""
    if forecast.q50 is None or forecast.q05 is None or forecast.q95 is None:
        return ""
    inside = "inside" if forecast.q05 <= candle.close <= forecast.q95 else "outside"
    off = f.percent(f.change(candle.close, forecast.q50), 3)
    naive = f.percent(f.change(candle.close, forecast.last_close), 3)
    return f"came {inside} the 90 % band, {off} from the median ({naive} from the last close)"


def _forecast_text(forecast: ForecastRow | None, candle: CandleRow | None, tick: Decimal) -> str:
    if forecast is None:
        return f.NOTHING
    if forecast.q50 is None:
        return f"refused: {forecast.refusal_reason}"
    band = f"{f.price(forecast.q05, tick)} to {f.price(forecast.q95, tick)}"
    kind = "fallback " if forecast.is_fallback else ""
    outcome = _outcome(candle, forecast)
    return f"{kind}{f.price(forecast.q50, tick)} ({band}){'; ' + outcome if outcome else ''}"


def _why(candle: CandleRow | None) -> str:
    if candle is None:
        return VERDICT_WORDS["hole"]
    if not candle.is_final:
        return "running: provisional"
    words = VERDICT_WORDS.get(candle.verdict or "", str(candle.verdict))
    if candle.reason:
        words += f" – {candle.reason}"
    if candle.revision > 1:
        words += f" (revision {candle.revision})"
    return words


def _record(
    open_time: datetime,
    candle: CandleRow | None,
    forecast: ForecastRow | None,
    tick: Decimal,
    zone: ZoneInfo,
) -> dict[str, Any]:
    begin = local_ms(open_time, zone)
    volume = None if candle is None else candle.volume
    return {
        "begin": begin,
        "left": begin + 0.16 * HOUR_MS,
        "middle": begin + 0.5 * HOUR_MS,
        "right": begin + 0.84 * HOUR_MS,
        "end": begin + HOUR_MS,
        "open": _float(candle.open if candle else None),
        "high": _float(candle.high if candle else None),
        "low": _float(candle.low if candle else None),
        "close": _float(candle.close if candle else None),
        "volume": _float(volume),
        "direction": _direction(candle),
        "state": _state(candle),
        "q05": _float(forecast.q05 if forecast else None),
        "q25": _float(forecast.q25 if forecast else None),
        "q50": _float(forecast.q50 if forecast else None),
        "q75": _float(forecast.q75 if forecast else None),
        "q95": _float(forecast.q95 if forecast else None),
        "Hour": f.both_times(open_time, zone),
        "Open": f.price(candle.open if candle else None, tick),
        "High": f.price(candle.high if candle else None, tick),
        "Low": f.price(candle.low if candle else None, tick),
        "Close": f.price(candle.close if candle else None, tick),
        "Volume": f.amount(volume),
        "Forecast": _forecast_text(forecast, candle, tick),
        "State": _why(candle),
    }


def hours_between(first: datetime, last: datetime) -> list[datetime]:
    """Return each full hour from first to last, both included."""
    count = int((last - first) / HOUR)
    return [first + index * HOUR for index in range(count + 1)]


def candle_frame(
    candles: Sequence[CandleRow], forecasts: Sequence[ForecastRow], tick: Decimal, zone: ZoneInfo
) -> pd.DataFrame:
    """Return one row per hour, holes included, from the first candle to the newest forecast."""
    by_time = {candle.open_time: candle for candle in candles}
    made = {forecast.target_open_time: forecast for forecast in forecasts}
    if not by_time:
        return pd.DataFrame()
    newest = max(by_time)
    last = max([newest, *made])
    rows = []
    for hour in hours_between(min(by_time), last):
        row = _record(hour, by_time.get(hour), made.get(hour), tick, zone)
        if hour > newest:  # not a hole: it has not begun
            row |= {"state": "ahead", "State": "ahead: not begun"}
        rows.append(row)
    frame = pd.DataFrame(rows)
    top = frame["volume"].max()
    frame["volume_share"] = frame["volume"] / top * VOLUME_SHARE if top and top > 0 else 0.0
    return frame


def time_axis() -> alt.Axis:
    """Return a 24-hour axis: the date at midnight, else the time."""
    midnight = "utchours(datum.value) == 0 && utcminutes(datum.value) == 0"
    label = f"utcFormat(datum.value, {midnight} ? '%d %b' : '%H:%M')"
    return alt.Axis(labelExpr=label, labelOverlap=True)


@cache
def candle_spec() -> Spec:
    """Return the specification of the coin's chart; its frame comes from `candle_frame`."""
    base = alt.Chart()
    x_scale = alt.Scale(type="utc")
    left = alt.X("left:T", scale=x_scale, title=None, axis=time_axis())
    price_axis = alt.Axis(orient="right", title=None, format=",~f", tickCount=8)
    price_scale = alt.Scale(zero=False, padding=36)

    def price(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", scale=price_scale, axis=price_axis)

    colour = alt.Color(
        "direction:N",
        scale=alt.Scale(domain=["up", "down", "flat"], range=[UP, DOWN, HOLE]),
        legend=None,
    )
    drawn = base.transform_filter("isValid(datum.close)")
    expected = base.transform_filter("isValid(datum.q50)")
    volume = drawn.mark_rect(opacity=0.28).encode(
        x=left,
        x2="right:T",
        y=alt.Y("volume_share:Q", scale=alt.Scale(domain=[0, 1]), axis=None),
        y2=alt.datum(0),
        color=colour,
    )
    prices = alt.layer(
        expected.mark_rect(color=FORECAST, opacity=0.2).encode(
            x=alt.X("begin:T", scale=x_scale), x2="end:T", y=price("q05"), y2="q95:Q"
        ),
        expected.mark_rect(color=FORECAST, opacity=0.32).encode(
            x=alt.X("begin:T", scale=x_scale), x2="end:T", y=price("q25"), y2="q75:Q"
        ),
        expected.mark_rule(color=FORECAST, strokeWidth=2).encode(
            x=alt.X("begin:T", scale=x_scale), x2="end:T", y=price("q50")
        ),
        drawn.mark_rule(strokeWidth=1.3).encode(
            x=alt.X("middle:T", scale=x_scale), y=price("low"), y2="high:Q", color=colour
        ),
        drawn.mark_rect(stroke=None).encode(
            x=left,
            x2="right:T",
            y=price("open"),
            y2="close:Q",
            color=colour,
            fillOpacity=alt.condition("datum.state == 'running'", alt.value(0.45), alt.value(1)),
        ),
        # Keeps an hour visible whose open and close are one price.
        drawn.mark_rule(strokeWidth=2).encode(x=left, x2="right:T", y=price("close"), color=colour),
        _marks(base, x_scale, price("high")),
    )
    hover = _hover(base, x_scale)
    chart = (
        alt.layer(_holes(base, x_scale), volume, prices, hover)
        .resolve_scale(y="independent")
        .properties(height=HEIGHT)
        .configure_view(strokeOpacity=0)
    )
    return finished(chart)


def _holes(base: alt.Chart, x_scale: alt.Scale) -> alt.Chart:
    return (
        base.transform_filter("datum.state == 'hole'")
        .mark_rect(color=HOLE, opacity=0.3, stroke=HOLE, strokeDash=[3, 3], strokeOpacity=1)
        .encode(x=alt.X("begin:T", scale=x_scale), x2="end:T")
    )


def _marks(base: alt.Chart, x_scale: alt.Scale, high: alt.Y) -> alt.Chart:
    """Return the signs above hours that a viewer should look at twice."""
    return (
        base.transform_filter(alt.FieldOneOfPredicate(field="state", oneOf=list(MARKED)))
        .mark_point(yOffset=-14, size=75, filled=True, color=HOLE, opacity=1)
        .encode(
            x=alt.X("middle:T", scale=x_scale),
            y=high,
            shape=alt.Shape(
                "state:N",
                scale=alt.Scale(domain=list(MARKED), range=["triangle-up", "diamond", "circle"]),
                legend=None,
            ),
        )
    )


def _hover(base: alt.Chart, x_scale: alt.Scale) -> alt.Chart:
    """Return an invisible column per hour that carries the tooltip, and the zoom."""
    zoom = alt.selection_interval(
        name=ZOOM, bind="scales", encodings=["x"], zoom="wheel![event.ctrlKey || event.metaKey]"
    )
    tips = ("Hour", "State", "Open", "High", "Low", "Close", "Volume", "Forecast")
    return (
        base.mark_rect(opacity=0)
        .encode(
            x=alt.X("begin:T", scale=x_scale),
            x2="end:T",
            tooltip=[alt.Tooltip(f"{name}:N") for name in tips],
        )
        .add_params(zoom)
    )


def ratio_frame(ratios: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """Return the running error ratio with times as the viewer reads them."""
    times = [time.to_pydatetime() for time in pd.to_datetime(ratios["target_open_time"], utc=True)]
    return pd.DataFrame(
        {
            "time": [local_ms(time, zone) for time in times],
            "ratio": ratios["ratio"].astype(float),
            "Hour": [f.both_times(time, zone) for time in times],
            "Ratio": [f"{ratio:.4f}" for ratio in ratios["ratio"]],
        }
    )


@cache
def ratio_spec() -> Spec:
    """Return the specification of the running error ratio, with the line of 'same as last'."""
    base = alt.Chart()
    line = base.mark_line(color=FORECAST, point={"color": FORECAST, "size": 18}).encode(
        x=alt.X("time:T", scale=alt.Scale(type="utc"), title=None, axis=time_axis()),
        y=alt.Y(
            "ratio:Q",
            scale=alt.Scale(zero=False, padding=12),
            axis=alt.Axis(format=".4f", tickCount=5),
            title="model's error ÷ last close's",
        ),
        tooltip=[alt.Tooltip("Hour:N"), alt.Tooltip("Ratio:N")],
    )
    same = base.mark_rule(strokeDash=[4, 4], color=HOLE, strokeWidth=1.5).encode(y=alt.datum(1.0))
    return finished(alt.layer(same, line).properties(height=260))


def finished(chart: alt.LayerChart) -> Spec:
    """Return a specification that names its data without holding it (see `with_rows`)."""
    spec: Spec = _without_data(chart.to_dict())
    return {**spec, "data": {"name": ROWS}}


def _without_data(part: Any) -> Any:
    """Leave out the placeholders that Altair puts into every layer: they would hide the rows."""
    if isinstance(part, list):
        return [_without_data(item) for item in part]
    if isinstance(part, dict):
        unwanted = ("data", "datasets", "$schema")
        return {key: _without_data(item) for key, item in part.items() if key not in unwanted}
    return part


def with_rows(spec: Spec, frame: pd.DataFrame) -> Spec:
    """Return a copy with its rows, as Streamlit takes them (and changes it while it does)."""
    return {**deepcopy(spec), "datasets": {ROWS: frame}}
