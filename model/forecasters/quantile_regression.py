"""Linear quantile regression; its median is least absolute deviations. Pure.

The check loss is smoothed with a uniform kernel (Fernandes, Guerre and Horta 2021, "Smoothing
quantile regressions", doi 10.1080/07350015.2019.1660177; He, Pan, Tan and Zhou 2023), which makes
it convex with a gradient, and minimised over whitened features, in which its curvature is nearly
the same in all directions: about ten passes over the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from model.baselines import empirical_quantiles
from model.dataset import Windows
from model.forecasters.banded import TARGET_CLIP, uncrossed
from model.forecasters.columns import COLUMNS, table
from model.forecasters.forecaster import LEVELS, Fitted
from model.forecasters.linear import Linear, Scaling

Floats = npt.NDArray[np.float64]

BANDWIDTH = 0.1
"""Half-width of the kernel, in sigmas: a fifth of the distance of the quartiles from the median."""

MAX_PASSES = 100
MIN_EIGENVALUE = 1e-6
"""Directions in which the scaled features hardly vary are left out."""


@dataclass(frozen=True)
class LinearQuantiles:
    """One linear model per level.

    Attributes:
        models: in the order of `LEVELS`.
    """

    models: tuple[Linear, ...]

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z, rising around the median."""
        return uncrossed(np.stack([model(rows) for model in self.models], axis=1))

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(orjson.dumps([one.to_dict() for one in self.models])).hexdigest()

    def save(self, folder: Path, stem: str) -> dict[str, Any]:
        """Return weights by feature; there is no file."""
        return {"kind": "linear", "models": [model.to_dict() for model in self.models]}

    @classmethod
    def load(cls, folder: Path, entry: Mapping[str, Any]) -> LinearQuantiles:
        """Return what `save` kept."""
        return cls(tuple(Linear.from_dict(model) for model in entry["models"]))


@dataclass(frozen=True)
class QuantileRegression:
    """Linear quantile regression on the flat table, pooled over coins."""

    name = "lad"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit on the training rows; `validation` and `seed` are not used."""
        features = table(rows)
        scaling = Scaling(features)
        scaled = scaling.apply(features)
        values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
        kept = values > MIN_EIGENVALUE
        whitening = vectors[:, kept] / np.sqrt(values[kept])
        whitened = scaled @ whitening
        z = np.clip(rows.z, -TARGET_CLIP, TARGET_CLIP)
        models = []
        for level, start in zip(LEVELS, empirical_quantiles(z, LEVELS), strict=True):
            intercept, *weights = fit_level(whitened, z, level, start)
            models.append(scaling.linear(COLUMNS, whitening @ np.asarray(weights), intercept))
        return LinearQuantiles(tuple(models))


def fit_level(features: Floats, z: Floats, level: float, start: float) -> list[float]:
    """Return intercept and weights of the least smoothed check loss.

    Args:
        features: (rows, columns) of unit variance and uncorrelated.
        z: (rows,).
        level: of the quantile.
        start: intercept to start from.
    """
    from scipy.optimize import minimize  # here: a third of a second that only a fit needs

    first = np.zeros(features.shape[1] + 1)
    first[0] = start
    found = minimize(
        _loss,
        first,
        args=(features, z, level),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MAX_PASSES, "ftol": 1e-12, "gtol": 1e-7},
    )
    weights: list[float] = found.x.tolist()
    return weights


def _loss(weights: Floats, features: Floats, z: Floats, level: float) -> tuple[float, Floats]:
    """Return the mean smoothed check loss and its gradient."""
    residual = z - (features @ weights[1:] + weights[0])
    inner = np.clip(residual, -BANDWIDTH, BANDWIDTH)
    # The kernel's integral, |u| outside of the bandwidth and a parabola that meets it inside.
    absolute = np.abs(residual - inner) + (inner * inner / BANDWIDTH + BANDWIDTH) / 2.0
    slope = inner / (2.0 * BANDWIDTH) + (level - 0.5)
    loss = float(np.mean(absolute / 2.0 + (level - 0.5) * residual))
    gradient = np.concatenate([[slope.mean()], features.T @ slope / len(z)])
    return loss, -gradient
