"""Whether the present still looks like training: inputs, skill, calibration. Pure.

Inputs by the population stability index over the deciles of training (below 0.1 fine, above 0.25 an
alarm: a convention). Skill by Page and Hinkley's test on the hourly pinball loss saved against the
last close with EWMA bands. Calibration by the adapted shares and by the coverage of four weeks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.feature_spec import STATIC_NAMES

Floats = npt.NDArray[np.float64]

BINS = 10
MIN_SHARE = 1e-4
"""An empty bin counts as this share: the index of a bin that nobody meets any more stays finite."""

PSI_ALARM = 0.25
WATCHED = tuple(name for name in STATIC_NAMES if not name.startswith("target_"))
"""The calendar does not drift."""

MIN_ROWS = 24 * 5
ALPHA_BOUNDS = (0.05, 0.2)
COVERAGE_BOUNDS = (0.87, 0.93)
COVERAGE_HOURS = 28 * 24


@dataclass(frozen=True)
class Reference:
    """How the watched features were distributed in training.

    Attributes:
        edges: by feature, the `BINS` - 1 inner edges of its deciles, rising.
        shares: by feature, the share of the training rows in each bin; a tenth each, but for
            values that repeat.
    """

    edges: Mapping[str, tuple[float, ...]]
    shares: Mapping[str, tuple[float, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads."""
        return {
            name: {"edges": list(self.edges[name]), "shares": list(self.shares[name])}
            for name in self.edges
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Reference:
        """Return a stored reference."""
        return cls(
            {name: tuple(one["edges"]) for name, one in value.items()},
            {name: tuple(one["shares"]) for name, one in value.items()},
        )


def reference(static: npt.NDArray[np.float32]) -> Reference:
    """Return the reference of training rows.

    Args:
        static: (rows, features) in the order of `STATIC_NAMES`.
    """
    edges, shares = {}, {}
    for name in WATCHED:
        values = static[:, STATIC_NAMES.index(name)].astype(np.float64)
        inner = np.quantile(values, np.arange(1, BINS) / BINS)
        edges[name] = tuple(inner.tolist())
        shares[name] = tuple(_shares(values, inner).tolist())
    return Reference(edges, shares)


def stability(trained: Reference, static: npt.NDArray[np.float32]) -> dict[str, float]:
    """Return the population stability index of each watched feature on recent rows.

    Σ (a − e) ln(a / e) over the bins, e the share in training and a the recent one; empty with too
    few rows to tell.
    """
    if len(static) < MIN_ROWS:
        return {}
    found = {}
    for name, edges in trained.edges.items():
        values = static[:, STATIC_NAMES.index(name)].astype(np.float64)
        now = np.maximum(_shares(values, np.asarray(edges)), MIN_SHARE)
        then = np.maximum(np.asarray(trained.shares[name]), MIN_SHARE)
        found[name] = float(np.sum((now - then) * np.log(now / then)))
    return found


def _shares(values: Floats, inner: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(inner, values, side="right"), minlength=BINS)
    shares: Floats = counts / max(len(values), 1)
    return shares


@dataclass(frozen=True, slots=True)
class PageHinkley:
    """Page and Hinkley's test for a fall of a mean (Page 1954, "Continuous inspection schemes").

    Attributes:
        tolerance: falls smaller than this are not looked for, in deviations of the series.
        threshold: the sum of what is beyond the tolerance at which it is an alarm, likewise.
        burn_in: values that only teach mean and deviation.
    """

    tolerance: float = 0.05
    threshold: float = 40.0
    burn_in: int = 168

    def fell(self, values: Sequence[float]) -> bool:
        """Tell whether the mean of a series fell somewhere after its burn-in."""
        first = np.asarray(values[: self.burn_in], dtype=float)
        rest = np.asarray(values[self.burn_in :], dtype=float)
        deviation = float(np.std(first)) if len(first) == self.burn_in else 0.0
        if not len(rest) or deviation <= 0:
            return False
        steps = (float(np.mean(first)) - rest) / deviation - self.tolerance
        sums = np.concatenate([[0.0], np.cumsum(steps)])
        return bool(np.max(sums - np.minimum.accumulate(sums)) > self.threshold)


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


def findings(
    indices: Mapping[str, float], recent: Recent, test: PageHinkley | None = None
) -> list[str]:
    """Return one line per alarm, the inputs' first.

    Args:
        indices: population stability by feature.
        recent: of the ledger.
        test: for a fall of the skill.
    """
    lines = [
        f"input {name}: stability index {value:.2f}"
        for name, value in indices.items()
        if value > PSI_ALARM
    ]
    if (test or PageHinkley()).fell(recent.savings):
        lines.append("skill: the loss saved against the baseline has fallen")
    window = recent.covered[-COVERAGE_HOURS:]
    if len(window) == COVERAGE_HOURS:
        share = math.fsum(window) / len(window)
        if not COVERAGE_BOUNDS[0] <= share <= COVERAGE_BOUNDS[1]:
            lines.append(f"calibration: {share:.1%} inside the 90 % band over four weeks")
    low, high = ALPHA_BOUNDS
    for symbol, alpha in (recent.alphas or {}).items():
        if not low <= alpha <= high:
            lines.append(f"calibration: {symbol}'s adapted share is {alpha:.3f}")
    return lines
