"""The last close, with or without the average move: naive and drift. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.dataset import Windows
from model.forecasters.banded import TARGET_CLIP, Constant, with_bands
from model.forecasters.forecaster import Fitted


@dataclass(frozen=True)
class Naive:
    """Next close = last close, with EWMA volatility × empirical quantiles of z: what to beat."""

    name = "naive"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Take the bands from the training rows; `validation` and `seed` are not used."""
        return with_bands(Constant(0.0), rows)


@dataclass(frozen=True)
class Drift:
    """Next z = mean z of training: a random walk with drift."""

    name = "drift"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Take mean and bands from the training rows; `validation` and `seed` are not used."""
        mean = float(np.nanmean(np.clip(rows.z, -TARGET_CLIP, TARGET_CLIP)))
        return with_bands(Constant(mean), rows)
