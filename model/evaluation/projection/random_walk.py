"""What the fan has to beat: a random walk without drift, as wild as the last weeks. Pure."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from model.projection.days import Days
from model.projection.settings import LEVELS

Floats = npt.NDArray[np.float64]

DECAY = 0.94
"""Of daily variance, from day to day: RiskMetrics 1996, fixed before anything was measured."""


class RandomWalk:
    """Log-prices of normal steps whose variance is the exponential average of squared log-returns."""

    def __init__(self, days: Days) -> None:
        """Average the days; a later day changes no earlier one."""
        squares = pd.DataFrame(days.move**2)
        self._variance = squares.ewm(alpha=1.0 - DECAY, ignore_na=True).mean().to_numpy()
        self._days = days

    def quantiles(self, origin: int, columns: npt.NDArray[np.int64], horizon: int) -> Floats:
        """Return (coins, horizon, levels) prices: last close × exp(z σ √h).

        Args:
            origin: number of a day since 1970-01-01.
            columns: of the coins.
            horizon: days.
        """
        last = origin - self._days.first - 1
        sigma = np.sqrt(self._variance[last, columns])[:, None] * np.sqrt(np.arange(1, horizon + 1))
        normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
        prices: Floats = self._days.close[last, columns][:, None, None] * np.exp(
            sigma[..., None] * normal
        )
        return prices
