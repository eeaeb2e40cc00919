"""What is served of several fitted forecasters: the mean over seeds, then over members, then λ. Pure.

The first three steps of `conf.champion.ChampionSettings`; guard and calibration follow hour by hour
(`model.calibration`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.forecasters.forecaster import Fitted
from model.shrinkage import shrink

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Member:
    """One member of a composition.

    Attributes:
        name: of its forecaster.
        fits: one per seed.
    """

    name: str
    fits: tuple[Fitted, ...]

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, levels) quantiles of z, averaged over the seeds."""
        return mean([fitted.quantiles(rows) for fitted in self.fits])


@dataclass(frozen=True)
class Composed:
    """Fitted members with equal weights, and λ.

    Attributes:
        members: in the order of the settings.
        weight: λ, which the mean's median is multiplied by.
    """

    members: tuple[Member, ...]
    weight: float

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, levels) quantiles of z before guard and calibration, rising."""
        return shrink(mean([member.quantiles(rows) for member in self.members]), self.weight)


def mean(parts: Sequence[Floats]) -> Floats:
    """Return the mean of arrays of one shape; that of rising quantiles rises."""
    whole: Floats = np.mean(np.stack(parts), axis=0)
    return whole
