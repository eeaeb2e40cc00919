"""A point forecast of z, with bands from how far it was off in training. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from model.baselines import MIN_GAP, empirical_quantiles
from model.dataset import Windows
from model.forecasters.forecaster import LEVELS

Floats = npt.NDArray[np.float64]

TARGET_CLIP = 6.0
"""Bound of |z| wherever squared errors are trained on: a few jumps would be the whole fit."""


class Point(Protocol):
    """A point forecast that was fitted; each row's is a function of that row's inputs alone."""

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same z for every row.

    Attributes:
        value: in sigmas.
    """

    value: float

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z."""
        return np.full(len(rows.z), self.value)


@dataclass(frozen=True)
class Banded:
    """Quantiles at fixed distances, in sigmas, around a point forecast.

    Attributes:
        point: the median.
        offsets: rising, 0 in the middle, one per level.
    """

    point: Point
    offsets: tuple[float, ...]

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z."""
        quantiles: Floats = self.point(rows)[:, None] + np.asarray(self.offsets)[None, :]
        return quantiles


def with_bands(point: Point, rows: Windows) -> Banded:
    """Return the point forecast with the empirical quantiles of its residuals on `rows`.

    Raises:
        ValueError: if no row has a target.
    """
    return Banded(point, empirical_quantiles(rows.z - point(rows), LEVELS))


def uncrossed(quantiles: Floats) -> Floats:
    """Return (rows, levels) that rise in each row; the median stays, what crossed is moved outwards.

    Args:
        quantiles: of z, each level from a model of its own.
    """
    out = quantiles.copy()
    middle = out.shape[1] // 2
    for index in range(1, middle + 1):
        below, above = middle - index, middle + index
        out[:, below] = np.minimum(out[:, below], out[:, below + 1] - MIN_GAP)
        out[:, above] = np.maximum(out[:, above], out[:, above - 1] + MIN_GAP)
    return out
