"""Paths of log-prices from volatility and drawn shocks. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model.projection.settings import ProjectionSettings
from model.projection.shocks import Shocks
from model.projection.volatility import weight

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class State:
    """Log-volatility at the end of the last known day, and how it goes on.

    Attributes:
        deviations: (coins, 3) of day, week and month from the level.
        level: (coins,) log-volatility in the long run; it stays.
        coefficients: (3,) of the deviations on the next day's.
        ceiling: no day's deviation is larger: the largest that any coin had, so that no path runs
            away.
    """

    deviations: Floats
    level: Floats
    coefficients: Floats
    ceiling: float

    def of(self, coins: npt.NDArray[np.int64]) -> State:
        """Return the state of some coins."""
        return replace(self, deviations=self.deviations[coins], level=self.level[coins])


def simulate(state: State, shocks: Shocks, positions: Ints, settings: ProjectionSettings) -> Floats:
    """Return (coins, horizon, paths) log-prices above the last close.

    Each day: deviation = coefficients · (day, week, month) + surprise; the averages take it in; the
    log-price moves by exp(level + deviation) × move.

    Args:
        state: of the coins that are simulated.
        shocks: of the same coins.
        positions: (horizon, paths) of days in `shocks`.
        settings: half-lives.
    """
    horizon, paths = positions.shape
    coins = len(state.level)
    day, week, month = (np.repeat(part[:, None], paths, axis=1) for part in state.deviations.T)
    by_week, by_month = weight(settings.week_half_life), weight(settings.month_half_life)
    on_day, on_week, on_month = state.coefficients
    moves, surprises = np.ascontiguousarray(shocks.move.T), np.ascontiguousarray(shocks.surprise.T)
    level = state.level[:, None]
    price = np.zeros((coins, paths))
    log_prices = np.empty((coins, horizon, paths))
    for step, days in enumerate(positions):
        day = on_day * day + on_week * week + on_month * month + surprises[:, days]
        np.minimum(day, state.ceiling, out=day)
        week += by_week * (day - week)
        month += by_month * (day - month)
        price += np.exp(level + day) * moves[:, days]
        log_prices[:, step] = price
    return log_prices
