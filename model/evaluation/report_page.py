"""The report as one HTML page with its plots inside. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from model.evaluation.band_scores import COIN_MONTH_RANGE
from model.evaluation.outcomes import BASELINE, Floats, Forecasts, Ints
from model.evaluation.plots import Axes, Line, line_plot
from model.evaluation.projection import words
from model.evaluation.projection.page import plots
from model.evaluation.report_text import DEFINITIONS, PROJECTION, TITLE, summary
from model.evaluation.significance import absolute_difference
from model.evaluation.tables import Table, all_tables, ranked

WORST_DRAWN = 1.05
"""A model with a larger rMAE is in the tables only: beside it all others would be one line."""

MOST_POINTS = 500
MOST_LABELS = 12

Ranked = Sequence[tuple[str, Mapping[str, Any]]]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1500px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
.wide { overflow-x: auto; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.warning { border-left: 4px solid #d55e00; padding: .3rem .8rem; font-weight: 600; }
svg { width: 100%; max-width: 900px; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
svg .line { fill: none; stroke-width: 1.8; }
svg .axis { fill: none; stroke: currentColor; }
svg .grid { stroke: #8883; }
svg .reference { stroke: currentColor; stroke-dasharray: 4 4; }
svg .fine { fill: #009e7322; }
"""


def render_html(report: Mapping[str, Any], forecasts: Mapping[str, Forecasts]) -> str:
    """Return `report.html`: no script, and nothing that is fetched.

    Args:
        report: the value of `report.json`.
        forecasts: of the same models over the volatile coins, for the curve over time.
    """
    body = _hourly(report, forecasts) if "models" in report else []
    if PROJECTION in report:
        body += _projection(report[PROJECTION])
    title = escape(TITLE if "models" in report else words.TITLE)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _hourly(report: Mapping[str, Any], forecasts: Mapping[str, Forecasts]) -> list[str]:
    body = [f"<h1>{escape(TITLE)}</h1>"]
    body += [f"<p>{_inline(text)}</p>" for text in summary(report)]
    body += [f'<p class="warning">{escape(text)}</p>' for text in report["warnings"]]
    league, *others = all_tables(report)
    body += [_table(league), *_plots(report, forecasts), *(_table(table) for table in others)]
    return [*body, _definitions(DEFINITIONS)]


def _projection(section: Mapping[str, Any]) -> list[str]:
    caution, *others = words.summary(section)
    body = [f"<h1>{escape(words.TITLE)}</h1>", f'<p class="warning">{escape(caution)}</p>']
    body += [f"<p>{_inline(text)}</p>" for text in others]
    first, *tables = [_table(table) for table in words.tables(section)] or [""]
    drawn = [f"<h2>{escape(title)}</h2>{svg}" for title, svg in plots(section).items()]
    return [*body, first, *drawn, *tables, _definitions(words.DEFINITIONS)]


def _definitions(definitions: Sequence[tuple[str, str]]) -> str:
    terms = [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in definitions]
    return "\n".join(["<h2>How the figures are made</h2><dl>", *terms, "</dl>"])


def _plots(report: Mapping[str, Any], forecasts: Mapping[str, Forecasts]) -> list[str]:
    drawn = [
        (model, figures)
        for model, figures in ranked(report)
        if figures["rmae"] is not None and figures["rmae"] <= WORST_DRAWN
    ]
    left_out = [model for model, _ in ranked(report) if model not in dict(drawn)]
    models = [item for item in drawn if item[0] != BASELINE]
    styles = {model: number for number, (model, _) in enumerate(drawn)}
    plots = {
        "Gain on the last price, added up over time": _gain(models, forecasts, styles),
        "Inside the 90 % band, by month": _coverage(drawn, styles),
        "Direction right, by decile of confidence": _confidence(models, styles),
        "rMAE per coin": _per_coin(models, styles),
    }
    told = [f"<h2>{escape(title)}</h2>{svg}" for title, svg in plots.items() if svg]
    if left_out:
        names = escape(", ".join(left_out))
        told.append(f"<p>Not drawn, for an rMAE above {WORST_DRAWN}: {names}.</p>")
    return told


def _gain(models: Ranked, forecasts: Mapping[str, Forecasts], styles: Mapping[str, int]) -> str:
    lines = []
    open_ms: Ints = np.array([], dtype=np.int64)
    for model, _ in models:
        hourly = absolute_difference(forecasts[model])
        open_ms = hourly.open_ms
        shown = np.unique(
            np.linspace(0, len(open_ms) - 1, min(MOST_POINTS, len(open_ms))).astype(np.int64)
        )
        total = np.cumsum(hourly.difference)
        lines.append(Line(model, open_ms[shown].astype(np.float64), total[shown], styles[model]))
    if not len(open_ms):
        return ""
    axes = Axes(
        _dates(open_ms),
        "Σ over hours of (|error| of the last price - |error|), in EWMA 90 % band widths, mean over coins; rising is better",
        reference=0.0,
    )
    return line_plot(lines, axes)


def _coverage(models: Ranked, styles: Mapping[str, int]) -> str:
    labels = list(models[0][1]["by_month"]) if models else []
    lines = _percent_lines(
        models, labels, styles, lambda one: [m["coverage_90"] for m in one["by_month"].values()]
    )
    low, high = COIN_MONTH_RANGE
    axes = Axes(
        _thinned(labels),
        "% of closes inside the 90 % band, all volatile coins; shaded: 88 to 92.2",
        reference=90.0,
        shaded=(100 * low, 100 * high),
    )
    return line_plot(lines, axes)


def _confidence(models: Ranked, styles: Mapping[str, int]) -> str:
    labels = [str(decile) for decile in range(1, 11)]
    lines = _percent_lines(
        models, labels, styles, lambda one: [d["da"] for d in one["da_by_confidence"]]
    )
    axes = Axes(
        _thinned(labels),
        "% of signs right; 10 is the most confident tenth",
        reference=50.0,
    )
    return line_plot(lines, axes)


def _per_coin(models: Ranked, styles: Mapping[str, int]) -> str:
    labels = list(models[0][1]["by_coin"]) if models else []
    # side by side, so that equal values do not hide each other
    offsets = np.linspace(-0.25, 0.25, len(models)) if len(models) > 1 else np.zeros(1)
    lines = [
        Line(
            model,
            _index(labels) + offset,
            _values(coin["rmae"] for coin in figures["by_coin"].values()),
            styles[model],
        )
        for (model, figures), offset in zip(models, offsets, strict=False)
    ]
    axes = Axes(
        _thinned(labels),
        "MAE / MAE of the last price; below 1 is better",
        reference=1.0,
        is_joined=False,
    )
    return line_plot(lines, axes)


def _percent_lines(
    models: Ranked,
    labels: Sequence[str],
    styles: Mapping[str, int],
    shares: Callable[[Mapping[str, Any]], Sequence[Any]],
) -> list[Line]:
    """Return one line per model through its shares, a point per label, in percent."""
    return [
        Line(model, _index(labels), _values(shares(figures)) * 100, styles[model])
        for model, figures in models
    ]


def _dates(open_ms: Ints) -> list[tuple[float, str]]:
    """Return ticks at the starts of months, or of days where there is less than two months."""
    times = open_ms.astype("datetime64[ms]")
    unit = "M" if (times[-1] - times[0]).astype("timedelta64[D]").astype(int) > 60 else "D"
    starts = np.unique(times.astype(f"datetime64[{unit}]"))
    starts = starts[starts.astype("datetime64[ms]") >= times[0]]
    step = max(1, -(-len(starts) // MOST_LABELS))
    return [
        (float(start.astype("datetime64[ms]").astype(np.int64)), str(start))
        for start in starts[::step]
    ]


def _thinned(labels: Sequence[str]) -> list[tuple[float, str]]:
    step = max(1, -(-len(labels) // MOST_LABELS))
    return [(float(index), labels[index]) for index in range(0, len(labels), step)]


def _index(labels: Sequence[str]) -> Floats:
    return np.arange(len(labels), dtype=np.float64)


def _values(values: Any) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _table(table: Table) -> str:
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in table.header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in table.rows
    )
    note = f"<p>{_inline(table.note)}</p>" if table.note else ""
    return (
        f'<h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _inline(text: str) -> str:
    """Escape, and set the two marks of the texts: **bold** and `code`."""
    told = escape(text)
    for mark, tag in (("**", "b"), ("`", "code")):
        pieces = told.split(mark)
        if len(pieces) % 2:
            told = "".join(
                f"<{tag}>{piece}</{tag}>" if index % 2 else piece
                for index, piece in enumerate(pieces)
            )
    return told
