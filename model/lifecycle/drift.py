"""Whether the present still looks like training: inputs, skill, calibration. Pure.

Inputs by the population stability index over bins of training (below 0.1 fine, above 0.25 an
alarm: a convention), and only where it is above that of every week of training: coins move together, so
that a week holds about one value of a week's momentum, and its index is hardly ever below the convention.
Skill by the pinball loss saved against the last close with EWMA bands over four weeks: an alarm is a
loss that is no chance. (A fall of the skill cannot be seen sooner: an hour's saving is about 0.06 of its
deviation, so that even its sign takes three weeks to show; a test for a change of the mean, Page and
Hinkley's, found nothing faster.) Calibration by the adapted shares and by the coverage of four weeks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.names import WEEK_MS
from model.evaluation.significance import diebold_mariano
from model.feature_spec import STATIC_NAMES

Floats = npt.NDArray[np.float64]

EDGES = (0.001, *(round(0.1 * decile, 1) for decile in range(1, 10)), 0.999)
"""Quantiles of training between the bins: deciles, and beyond them what training hardly ever saw, so that a
week out of its range differs from one at the end of it."""

MIN_SHARE = 1e-4
"""An empty bin counts as this share: the index of a bin that nobody meets any more stays finite."""

PSI_ALARM = 0.25
WATCHED = tuple(name for name in STATIC_NAMES if not name.startswith("target_"))
"""The calendar does not drift."""

MIN_HOURS = 24 * 5
"""Of a week, to be judged: a day's momentum of a week is one value, which differs from all of training."""

ALPHA_BOUNDS = (0.05, 0.2)
COVERAGE_BOUNDS = (0.87, 0.93)
FOUR_WEEKS = 28 * 24
SIGNIFICANT_T = 2.0


@dataclass(frozen=True)
class Reference:
    """How the watched features were distributed in training.

    Attributes:
        edges: by feature, the values between its bins (`EDGES`), rising.
        shares: by feature, the share of the training rows in each bin.
        alarms: by feature, the index above which the present is unlike training.
    """

    edges: Mapping[str, tuple[float, ...]]
    shares: Mapping[str, tuple[float, ...]]
    alarms: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads."""
        return {
            name: {
                "edges": list(self.edges[name]),
                "shares": list(self.shares[name]),
                "alarm": self.alarms[name],
            }
            for name in self.edges
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Reference:
        """Return a stored reference; one from before the weeks were looked at has the convention's alarms."""
        return cls(
            {name: tuple(one["edges"]) for name, one in value.items()},
            {name: tuple(one["shares"]) for name, one in value.items()},
            {name: float(one.get("alarm", PSI_ALARM)) for name, one in value.items()},
        )


def reference(static: npt.NDArray[np.float32], open_time_ms: npt.NDArray[np.int64]) -> Reference:
    """Return the reference of training rows.

    Args:
        static: (rows, features) in the order of `STATIC_NAMES`.
        open_time_ms: (rows,) their hours, in any order.
    """
    weeks = _whole_weeks(open_time_ms)
    edges, shares, alarms = {}, {}, {}
    for name in WATCHED:
        values = static[:, STATIC_NAMES.index(name)].astype(np.float64)
        inner = np.quantile(values, EDGES)
        of_all = _shares(values, inner)
        indices = [_index(_shares(values[rows], inner), of_all) for rows in weeks]
        edges[name] = tuple(inner.tolist())
        shares[name] = tuple(of_all.tolist())
        alarms[name] = max([PSI_ALARM, *indices])
    return Reference(edges, shares, alarms)


def stability(
    trained: Reference, static: npt.NDArray[np.float32], open_time_ms: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Return the population stability index of each watched feature on recent rows; see `_index`.

    Args:
        trained: what they are compared with.
        static: (rows, features) in the order of `STATIC_NAMES`.
        open_time_ms: (rows,) their hours; with fewer than `MIN_HOURS` of them nothing is returned.
    """
    if len(np.unique(open_time_ms)) < MIN_HOURS:
        return {}
    found = {}
    for name, edges in trained.edges.items():
        values = static[:, STATIC_NAMES.index(name)].astype(np.float64)
        found[name] = _index(_shares(values, np.asarray(edges)), np.asarray(trained.shares[name]))
    return found


def _index(now: Floats, then: Floats) -> float:
    """Return Σ (a − e) ln(a / e) over the bins, e the share in training and a the recent one."""
    now, then = np.maximum(now, MIN_SHARE), np.maximum(then, MIN_SHARE)
    return float(np.sum((now - then) * np.log(now / then)))


def _whole_weeks(open_time_ms: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Return the rows of each week, as much as the watch looks at, that has hours enough to be judged."""
    week = open_time_ms // WEEK_MS
    rows = (np.flatnonzero(week == one) for one in np.unique(week))
    return [own for own in rows if len(np.unique(open_time_ms[own])) >= MIN_HOURS]


def _shares(values: Floats, inner: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(inner, values, side="right"), minlength=len(inner) + 1)
    shares: Floats = counts / max(len(values), 1)
    return shares


@dataclass(frozen=True, slots=True)
class Recent:
    """What the ledger says of the latest live forecasts, oldest first.

    Attributes:
        savings: by hour, the mean over coins of the baseline's pinball loss minus the model's.
        covered: by hour, the share of closes inside the 90 % band.
        alphas: by coin, the adapted share outside of the 90 % band, now.
    """

    savings: tuple[float, ...] = ()
    covered: tuple[float, ...] = ()
    alphas: Mapping[str, float] | None = None


def findings(trained: Reference, indices: Mapping[str, float], recent: Recent) -> list[str]:
    """Return one line per alarm, the inputs' first.

    Args:
        trained: of the model that the recent forecasts are from.
        indices: population stability by feature.
        recent: of the ledger.
    """
    lines = [
        f"input {name}: stability index {value:.2f}, at most {trained.alarms[name]:.2f} in training"
        for name, value in indices.items()
        if value > trained.alarms[name]
    ]
    saved = np.asarray(recent.savings[-FOUR_WEEKS:])
    t = diebold_mariano(saved) if len(saved) == FOUR_WEEKS else 0.0
    if t < -SIGNIFICANT_T:
        lines.append(f"skill: worse than the baseline over four weeks (t = {t:.1f})")
    window = recent.covered[-FOUR_WEEKS:]
    if len(window) == FOUR_WEEKS:
        share = math.fsum(window) / len(window)
        if not COVERAGE_BOUNDS[0] <= share <= COVERAGE_BOUNDS[1]:
            lines.append(f"calibration: {share:.1%} inside the 90 % band over four weeks")
    low, high = ALPHA_BOUNDS
    for symbol, alpha in (recent.alphas or {}).items():
        if not low <= alpha <= high:
            lines.append(f"calibration: {symbol}'s adapted share is {alpha:.3f}")
    return lines
