"""A forecaster that learns from the outcomes of other hours: what it finds is a leak, or luck."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from model.dataset import Windows
from model.forecasters.forecaster import Fitted, Forecaster


@dataclass(frozen=True)
class Shuffled:
    """Fits another forecaster on rows whose outcomes are dealt out anew, in validation, too.

    The rows that are scored keep theirs. Inputs say nothing about outcomes then, so that a median
    better than the last close can only come from what a forecaster must not see.
    """

    inner: Forecaster

    is_seeded = True

    @property
    def name(self) -> str:
        """As a row of the report."""
        return f"shuffled-{self.inner.name}"

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit on the dealt outcomes; equal seeds deal alike."""
        rng = np.random.default_rng(seed)
        return self.inner.fit(_dealt(rows, rng), _dealt(validation, rng), seed)


def _dealt(rows: Windows, rng: np.random.Generator) -> Windows:
    return replace(rows, z=rng.permutation(rows.z))
