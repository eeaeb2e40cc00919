"""What all charts share: the viewer's time, axes, and specifications that name their data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd

from conf.names import HOUR_MS

ROWS = "rows"
ZOOM = "zoom"
WHEEL = "wheel![event.ctrlKey || event.metaKey]"
"""A plain wheel scrolls the page."""
# Where Altair writes that a chart has no data of its own.
_NO_DATA = "empty"

Spec = dict[str, Any]
Frames = Mapping[str, pd.DataFrame]


def local_ms(time: datetime, zone: ZoneInfo) -> float:
    """Return the viewer's wall time as epoch ms in pretended UTC."""
    offset = time.astimezone(zone).utcoffset() or timedelta(0)
    return (time.timestamp() + offset.total_seconds()) * 1000


def utc_of_local(local: float, zone: ZoneInfo) -> datetime:
    """Return the time that `local_ms` made; of a repeated hour the first."""
    wall = datetime.fromtimestamp(local / 1000, UTC).replace(tzinfo=zone)
    return wall.astimezone(UTC)


def time_axis() -> alt.Axis:
    """Return a 24-hour axis: the date at midnight, the year at its beginning, else the full hour."""
    midnight = "utchours(datum.value) == 0 && utcminutes(datum.value) == 0"
    new_year = f"{midnight} && utcdate(datum.value) == 1 && utcmonth(datum.value) == 0"
    form = f"{new_year} ? '%Y' : {midnight} ? '%d %b' : '%H:%M'"
    return alt.Axis(
        labelExpr=f"utcFormat(datum.value, {form})", labelOverlap=True, tickMinStep=HOUR_MS
    )


def time_x(field: str, *, axis: bool = False) -> alt.X:
    """Return the channel of a local time."""
    shown = {"axis": time_axis()} if axis else {}
    return alt.X(f"{field}:T", scale=alt.Scale(type="utc"), title=None, **shown)


def zoom(initial: tuple[float, float] | None = None) -> alt.Parameter:
    """Return the selection that drags and zooms along x, begun at local times if there are any."""
    begun = {"value": {"x": list(initial)}} if initial else {}
    return alt.selection_interval(name=ZOOM, bind="scales", encodings=["x"], zoom=WHEEL, **begun)


def finished(chart: alt.TopLevelMixin) -> Spec:
    """Return a specification that names its data without holding it (see `with_rows`).

    It is drawn on a canvas: hundreds of bars in ten layers are too many elements for a page that
    changes every other second.
    """
    spec: Spec = _without_data(chart.to_dict())
    return {
        **spec,
        "data": {"name": ROWS},
        "usermeta": {"embedOptions": {"renderer": "canvas"}},
    }


def _without_data(part: Any) -> Any:
    """Leave out the placeholders that Altair puts into every layer: they would hide the rows."""
    if isinstance(part, list):
        return [_without_data(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _without_data(item)
        for key, item in part.items()
        if key not in ("datasets", "$schema") and (key != "data" or item.get("name") != _NO_DATA)
    }


def with_rows(spec: Spec, rows: pd.DataFrame, **others: pd.DataFrame) -> Spec:
    """Return a copy with its frames, as Streamlit takes them (and changes it while it does)."""
    return {**deepcopy(spec), "datasets": {ROWS: rows, **others}}
