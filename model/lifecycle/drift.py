"""Whether the present still looks like training: inputs, skill, calibration. Pure.

Inputs by the population stability index over the deciles of training (below 0.1 fine, above 0.25 an
alarm: a convention). Skill by the pinball loss saved against the last close with EWMA bands over four
weeks: an alarm is a loss that is no chance. (A fall of the skill cannot be seen sooner: an hour's
saving is about 0.06 of its deviation, so that even its sign takes three weeks to show; a test for a
change of the mean, Page and Hinkley's, found nothing faster.) Calibration by the adapted shares and by
the coverage of four weeks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.evaluation.significance import diebold_mariano
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
FOUR_WEEKS = 28 * 24
SIGNIFICANT_T = 2.0


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


def findings(indices: Mapping[str, float], recent: Recent) -> list[str]:
    """Return one line per alarm, the inputs' first.

    Args:
        indices: population stability by feature.
        recent: of the ledger.
    """
    lines = [
        f"input {name}: stability index {value:.2f}"
        for name, value in indices.items()
        if value > PSI_ALARM
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
