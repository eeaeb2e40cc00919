"""Linear models with squared error: AR(3) and ridge, by their normal equations. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.forecasters.banded import TARGET_CLIP, with_bands
from model.forecasters.columns import COLUMNS, RETURN_LAGS, Column, column, table
from model.forecasters.forecaster import Fitted

Floats = npt.NDArray[np.float64]

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
"""Candidates for ridge, per row and per variance of a feature."""

AR_ORDER = 3


@dataclass(frozen=True)
class Linear:
    """z = intercept + Σ weight × feature.

    Attributes:
        columns: the features.
        weights: one per column.
        intercept: in sigmas.
    """

    columns: tuple[Column, ...]
    weights: tuple[float, ...]
    intercept: float

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z."""
        # Not a matrix product: its last bits differ with the number of rows.
        total = np.full(len(rows.z), self.intercept)
        for which, weight in zip(self.columns, self.weights, strict=True):
            total += weight * column(rows, which)
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads."""
        return {
            "columns": [[which.name, which.lag] for which in self.columns],
            "weights": list(self.weights),
            "intercept": self.intercept,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Linear:
        """Return a stored model."""
        columns = tuple(Column(str(name), int(lag)) for name, lag in value["columns"])
        return cls(columns, tuple(value["weights"]), float(value["intercept"]))


class Scaling:
    """Features to mean 0 and variance 1, and weights of such features back.

    A feature that does not vary on the training rows gets weight 0.
    """

    def __init__(self, features: Floats) -> None:
        self._mean = features.mean(axis=0)
        deviation = features.std(axis=0)
        varies = deviation > 1e-9
        self._factor = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)

    def apply(self, features: Floats) -> Floats:
        """Return (rows, columns), scaled."""
        scaled: Floats = (features - self._mean) * self._factor
        return scaled

    def linear(self, columns: Sequence[Column], weights: Floats, intercept: float) -> Linear:
        """Return the model of unscaled features for weights of scaled ones."""
        unscaled = weights * self._factor
        offset = intercept - float(np.sum(unscaled * self._mean))
        return Linear(tuple(columns), tuple(unscaled.tolist()), offset)


def least_squares(
    rows: Windows, columns: Sequence[Column], penalties: Sequence[float]
) -> list[Linear]:
    """Return one ridge regression of clipped z per penalty.

    Args:
        rows: training rows, z known.
        columns: features, scaled to variance 1 before the penalty.
        penalties: per row; 0 for none.
    """
    features = table(rows, columns)
    scaling = Scaling(features)
    scaled = scaling.apply(features)
    target = np.clip(rows.z, -TARGET_CLIP, TARGET_CLIP)
    mean = float(target.mean())
    gram = scaled.T @ scaled / len(scaled)
    moment = scaled.T @ (target - mean) / len(scaled)
    fits = []
    for penalty in penalties:
        # The least-norm solution also where features depend on each other, as without penalty
        # a constant one does.
        weights = np.linalg.lstsq(gram + penalty * np.eye(len(gram)), moment, rcond=1e-10)[0]
        fits.append(scaling.linear(columns, weights, mean))
    return fits


@dataclass(frozen=True)
class Autoregression:
    """AR(3) of scaled returns, pooled over coins, by least squares."""

    name = "ar"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit on the training rows; `validation` and `seed` are not used."""
        (point,) = least_squares(rows, RETURN_LAGS[:AR_ORDER], (0.0,))
        return with_bands(point, rows)


@dataclass(frozen=True)
class Ridge:
    """Ridge regression on the flat table, pooled over coins; the penalty by validation."""

    name = "ridge"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit on the training rows, choose the penalty on `validation`; `seed` is not used."""
        fits = least_squares(rows, COLUMNS, PENALTIES)
        target = np.clip(validation.z, -TARGET_CLIP, TARGET_CLIP)
        errors = [float(np.mean((target - point(validation)) ** 2)) for point in fits]
        return with_bands(fits[int(np.argmin(errors))], rows)
