"""Line plots as inline SVG: a page with them needs no script, no font and no network. Pure.

Text and axes take the page's own colour, so that a plot can be read on light and on dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from model.evaluation.outcomes import Floats

WIDTH, HEIGHT = 900, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 14, 44
LEGEND_STEP = 18
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#8c6bb1",
    "#a6761d",
)
DASHES = ("", "6 3", "2 3")  # for models beyond the colours
TICKS = 6


@dataclass(frozen=True)
class Line:
    """One named series.

    Attributes:
        name: in the legend.
        x: (points,).
        y: (points,); NaN interrupts the line.
        style: number of its colour and dash, so that a model looks the same in every plot.
    """

    name: str
    x: Floats
    y: Floats
    style: int


@dataclass(frozen=True)
class Band:
    """A range that is filled, under all lines; it has no entry in the legend.

    Attributes:
        x: (points,).
        low: (points,) finite.
        high: (points,) finite.
        style: number of its colour.
    """

    x: Floats
    low: Floats
    high: Floats
    style: int


@dataclass(frozen=True)
class Axes:
    """What the points lie on.

    Attributes:
        x_ticks: positions and labels.
        y_label: what is drawn, with its unit.
        reference: a value that the reader compares with, drawn across.
        shaded: a range of y that is as it should be.
        is_joined: whether points are joined; else each stands alone.
    """

    x_ticks: Sequence[tuple[float, str]]
    y_label: str
    reference: float | None = None
    shaded: tuple[float, float] | None = None
    is_joined: bool = True


@dataclass(frozen=True)
class _Frame:
    """From values to pixels."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    height: int

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.height - BOTTOM - (value - low) / (high - low) * (self.height - BOTTOM - TOP)


def line_plot(lines: Sequence[Line], axes: Axes, bands: Sequence[Band] = ()) -> str:
    """Return an `svg` element; of no lines, an empty string.

    Args:
        lines: in the order of the legend; those of one name and style share their entry.
        axes: what they lie on.
        bands: drawn first.
    """
    if not any(np.isfinite(line.y).any() for line in lines):
        return ""
    frame = _frame(lines, axes, bands)
    drawn = [_axes(frame, axes), *(_band(frame, band) for band in bands)]
    named: list[tuple[str, int]] = []
    for line in lines:
        drawn.append(_line(frame, line, is_joined=axes.is_joined))
        if (line.name, line.style) not in named:
            drawn.append(_legend(line, len(named)))
            named.append((line.name, line.style))
    return (
        f'<svg viewBox="0 0 {WIDTH} {frame.height}" role="img" '
        f'aria-label="{escape(axes.y_label)}">{"".join(drawn)}</svg>'
    )


def nice_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return at most `TICKS` + 1 round values from `low` to `high`, with labels that tell them apart.

    Args:
        low: finite.
        high: finite and above `low`.
    """
    raw = (high - low) / TICKS
    power = math.floor(math.log10(raw))
    factor = next(one for one in (1, 2, 5, 10) if one * 10.0**power >= raw * (1 - 1e-9))
    step = factor * 10.0**power
    digits = max(0, -power - (factor == 10))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(index * step, f"{index * step:.{digits}f}") for index in range(first, last + 1)]


def _frame(lines: Sequence[Line], axes: Axes, bands: Sequence[Band]) -> _Frame:
    xs = [x for line in lines for x in line.x] + [x for x, _ in axes.x_ticks]
    ys = [y for line in lines for y in line.y if math.isfinite(y)]
    xs += [x for band in bands for x in band.x]
    ys += [y for band in bands for y in (*band.low, *band.high)]
    ys += [] if axes.reference is None else [axes.reference]
    ys += axes.shaded or ()
    height = max(
        HEIGHT, TOP + BOTTOM + LEGEND_STEP * len({(line.name, line.style) for line in lines})
    )
    return _Frame(_padded(min(xs), max(xs), 0.02), _padded(min(ys), max(ys), 0.06), height)


def _padded(low: float, high: float, share: float) -> tuple[float, float]:
    room = (high - low) * share if high > low else max(abs(low), 1.0) * share
    return low - room, high + room


def _axes(frame: _Frame, axes: Axes) -> str:
    right, bottom = WIDTH - RIGHT, frame.height - BOTTOM
    drawn = []
    if axes.shaded is not None:
        low, high = axes.shaded
        drawn.append(
            f'<rect class="fine" x="{LEFT}" y="{frame.y(high):.1f}" width="{right - LEFT}" '
            f'height="{frame.y(low) - frame.y(high):.1f}"/>'
        )
    for value, label in nice_ticks(*frame.y_range):
        y = frame.y(value)
        drawn.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for value, label in axes.x_ticks:
        x = frame.x(value)
        drawn.append(f'<path class="axis" d="M{x:.1f} {bottom}v5"/>')
        drawn.append(
            f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(label)}</text>'
        )
    if axes.reference is not None:
        drawn.append(f'<path class="reference" d="M{LEFT} {frame.y(axes.reference):.1f}H{right}"/>')
    drawn.append(f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    drawn.append(f'<text x="{LEFT}" y="{frame.height - 6}">{escape(axes.y_label)}</text>')
    return "".join(drawn)


def _band(frame: _Frame, band: Band) -> str:
    colour, _ = _style(band.style)
    there = zip(band.x, band.high, strict=True)
    back = zip(band.x[::-1], band.low[::-1], strict=True)
    points = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in (*there, *back))
    return f'<polygon fill="{colour}" fill-opacity="0.18" points="{points}"/>'


def _line(frame: _Frame, line: Line, *, is_joined: bool) -> str:
    colour, dash = _style(line.style)
    known = np.isfinite(line.y)
    if not is_joined:
        return "".join(
            f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="4" fill="{colour}">'
            f"<title>{escape(line.name)} {y:.4f}</title></circle>"
            for x, y in zip(line.x[known], line.y[known], strict=True)
        )
    path, is_open = [], False
    for x, y in zip(line.x, line.y, strict=True):
        if math.isfinite(y):
            path.append(f"{'L' if is_open else 'M'}{frame.x(x):.1f} {frame.y(y):.1f}")
        is_open = math.isfinite(y)
    return (
        f'<path class="line" stroke="{colour}" stroke-dasharray="{dash}" d="{"".join(path)}">'
        f"<title>{escape(line.name)}</title></path>"
    )


def _legend(line: Line, index: int) -> str:
    colour, dash = _style(line.style)
    x, y = WIDTH - RIGHT + 14, TOP + 8 + LEGEND_STEP * index
    return (
        f'<path class="line" stroke="{colour}" stroke-dasharray="{dash}" d="M{x} {y}h20"/>'
        f'<text x="{x + 26}" y="{y + 4}">{escape(line.name)}</text>'
    )


def _style(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
