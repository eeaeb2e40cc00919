"""Rules without a fitted point forecast: reversal of three hours, the same hour of day or week. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.names import DAY_HOURS
from model.dataset import Windows
from model.feature_spec import CLIP
from model.forecasters.banded import with_bands
from model.forecasters.columns import Column, column
from model.forecasters.forecaster import Fitted

Floats = npt.NDArray[np.float64]

REVERSAL = -0.05
"""z per sigma of the last three hours' move, set once by hand and never fitted."""

MAX_MOMENTUM = 3.0
"""Sigmas beyond which a larger move is not expected to reverse by more."""


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
class SameHourOfTheWeek:
    """z = the coin's return in the target's hour of the week before, in today's sigmas; 0 if unknown."""

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z.

        Raises:
            ValueError: if the rows do not hold it.
        """
        if rows.week_ago is None:
            message = "these rows do not know the week before"
            raise ValueError(message)
        known = np.where(np.isfinite(rows.week_ago), rows.week_ago, 0.0)
        return np.clip(known, -CLIP, CLIP)


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


@dataclass(frozen=True)
class WeeklyNaive:
    """The return of the same hour a week ago comes again."""

    name = "seasonal_week"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Take the bands from the training rows; `validation` and `seed` are not used."""
        return with_bands(SameHourOfTheWeek(), rows)
