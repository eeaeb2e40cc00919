"""Plots of the projection's section. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conf.names import DAY_MS
from model.evaluation.outcomes import Floats
from model.evaluation.plots import Axes, Band, Line, line_plot
from model.evaluation.projection.scores import WALK

MOST_LABELS = 12
_FAN, _CAME, _PAPER, _SAMPLE = 0, 1, 3, 5  # colours, the same in all plots


def plots(section: Mapping[str, Any]) -> dict[str, str]:
    """Return title → `svg`; what cannot be drawn is left out."""
    drawn, points = section["drawn"], section["curve"]
    made = {}
    if drawn is not None:
        symbol = drawn["symbol"]
        made[f"{symbol}: fans one after the other, and what came"] = _fans(drawn)
        made[f"{symbol}: scenarios from {drawn['fans'][-1]['origin']}"] = _newest(drawn)
    if points:
        made["Pinball skill of the fan, by days ahead"] = _skill(points)
        made["Inside the bands of the fan, by days ahead"] = _coverage(points)
    return {title: svg for title, svg in made.items() if svg}


def _fans(drawn: Mapping[str, Any]) -> str:
    days = np.array([0, *drawn["horizon_days"]], dtype=np.float64)
    lines, bands = [], []
    for fan in drawn["fans"]:
        x = (_start(fan) + days) * DAY_MS
        bands += _bands(fan, x)
        lines.append(Line("closes that came", x, _values(fan, fan["actual"]), _CAME))
    first, last = _start(drawn["fans"][0]), _start(drawn["fans"][-1]) + days[-1]
    axes = Axes(_months(first, last), "quote units; shaded: the 50 % and the 90 % band")
    return line_plot(lines, axes, bands)


def _newest(drawn: Mapping[str, Any]) -> str:
    fan = drawn["fans"][-1]
    x = (_start(fan) + np.array([0, *drawn["horizon_days"]], dtype=np.float64)) * DAY_MS
    lines = [Line("some paths", x, _values(fan, path), _SAMPLE) for path in fan["samples"]]
    lines.append(Line("median = last close", x, _values(fan, fan["q50"]), _FAN))
    lines.append(Line("paper (a warning)", x, _values(fan, fan["paper"]), _PAPER))
    lines.append(Line("closes that came", x, _values(fan, fan["actual"]), _CAME))
    known = [line for line in lines if np.isfinite(line.y[1:]).any()]
    axes = Axes(
        _months(_start(fan), _start(fan) + float(drawn["horizon_days"][-1])),
        "quote units; shaded: the 50 % and the 90 % band. Scenarios, no forecast of direction",
    )
    return line_plot(known, axes, _bands(fan, x))


def _skill(points: Sequence[Mapping[str, Any]]) -> str:
    line = Line("fan", _ahead(points), 100 * _column(points, "pinball_skill"), _FAN)
    axes = Axes(
        _ticks(points), f"% less pinball loss than the {WALK}'s, over days ahead", reference=0.0
    )
    return line_plot([line], axes)


def _coverage(points: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        Line(f"{band} % band", _ahead(points), 100 * _column(points, f"coverage_{band}"), style)
        for band, style in (("90", 0), ("50", 1))
    ]
    whole = np.full(len(points), np.nan)
    nominal = [
        Line("as it should be", _ahead(points), np.full_like(whole, level), 2)
        for level in (90.0, 50.0)
    ]
    return line_plot([*lines, *nominal], Axes(_ticks(points), "% of closes, over days ahead"))


def _bands(fan: Mapping[str, Any], x: Floats) -> list[Band]:
    pairs = (("q05", "q95"), ("q25", "q75"))
    return [Band(x, _values(fan, fan[low]), _values(fan, fan[high]), _FAN) for low, high in pairs]


def _values(fan: Mapping[str, Any], prices: Sequence[float | None]) -> Floats:
    """Return the last close and the prices after it."""
    known = [np.nan if price is None else price for price in prices]
    return np.array([fan["last_close"], *known], dtype=np.float64)


def _start(fan: Mapping[str, Any]) -> float:
    return float(np.datetime64(fan["origin"], "D").astype(np.int64))


def _months(first: float, last: float) -> list[tuple[float, str]]:
    starts = np.arange(
        np.datetime64(int(first), "D").astype("datetime64[M]") + 1,
        np.datetime64(int(last), "D").astype("datetime64[M]") + 1,
    )
    step = max(1, -(-len(starts) // MOST_LABELS))
    days = starts[::step].astype("datetime64[D]").astype(np.int64)
    return [
        (float(day * DAY_MS), str(month)) for day, month in zip(days, starts[::step], strict=True)
    ]


def _ahead(points: Sequence[Mapping[str, Any]]) -> Floats:
    return _column(points, "horizon_days")


def _column(points: Sequence[Mapping[str, Any]], name: str) -> Floats:
    values = [np.nan if point[name] is None else point[name] for point in points]
    return np.array(values, dtype=np.float64)


def _ticks(points: Sequence[Mapping[str, Any]]) -> list[tuple[float, str]]:
    last = int(points[-1]["horizon_days"])
    step = max(1, -(-last // MOST_LABELS))
    nice = next(one for one in (1, 2, 5, 10, 15, 30) if one >= step)
    return [(float(day), str(day)) for day in range(nice, last + 1, nice)]
