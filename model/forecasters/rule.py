"""Rules without a fitted point forecast: reversal of three hours, and the same hour yesterday. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.forecasters.banded import with_bands
from model.forecasters.columns import Column, column
from model.forecasters.forecaster import Fitted

Floats = npt.NDArray[np.float64]

REVERSAL = -0.05
"""z per sigma of the last three hours' move, set once by hand and never fitted."""

MAX_MOMENTUM = 3.0
"""Sigmas beyond which a larger move is not expected to reverse by more."""

DAY_HOURS = 24


@dataclass(frozen=True)
class Reversal:
    """z = `REVERSAL` × the last three hours' scaled return, clipped."""

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z."""
        momentum = column(rows, Column("momentum_3h"))
        return REVERSAL * np.clip(momentum, -MAX_MOMENTUM, MAX_MOMENTUM)


@dataclass(frozen=True)
class SameHour:
    """z = the coin's return in the target's hour of the day before, in today's sigmas."""

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z."""
        return column(rows, Column("own_return", DAY_HOURS - 1))


@dataclass(frozen=True)
class ReversalRule:
    """What moved in three hours comes a little back: the bar that a fitted model must pass."""

    name = "rule"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Take the bands from the training rows; `validation` and `seed` are not used."""
        return with_bands(Reversal(), rows)


@dataclass(frozen=True)
class SeasonalNaive:
    """The return of the same hour yesterday comes again."""

    name = "seasonal"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Take the bands from the training rows; `validation` and `seed` are not used."""
        return with_bands(SameHour(), rows)
