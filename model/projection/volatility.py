"""Daily log-volatility that goes back to a long-run level, by components of several speeds. Pure.

The heterogeneous autoregression of Corsi 2009 ("A simple approximate long-memory model of realized
volatility") with exponential averages and one set of coefficients for all coins, each around its own
level: the panel HExp of Bollerslev, Hood, Huss and Pedersen 2018 ("Risk everywhere"), in logarithms so
that volatility stays positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from model.projection.settings import ProjectionSettings

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """What is known of log-volatility at the end of each day; a later day changes no earlier one.

    Attributes:
        day: (days, coins) the last known value.
        week: (days, coins) its exponential average over days.
        month: (days, coins) the same over weeks.
        level: (days, coins) where it goes back to.
    """

    day: Floats
    week: Floats
    month: Floats
    level: Floats

    @property
    def deviations(self) -> Floats:
        """(days, coins, 3): day, week and month, above the level."""
        parts = (self.day, self.week, self.month)
        return np.stack([part - self.level for part in parts], axis=-1)


def make_components(log_volatility: Floats, lead: int, settings: ProjectionSettings) -> Components:
    """Return the components of all coins.

    The level of a coin is the lead's plus the average distance from the lead over the days that both
    have: how much wilder one coin is than another changes far less than how wild all of them are, so
    that a month of a new coin tells its level. With a common past it is the coin's own average.

    Args:
        log_volatility: (days, coins), NaN where unknown.
        lead: column of the coin with the longest past.
        settings: half-lives.
    """
    own = log_volatility[:, lead]
    level = _average(own[:, None], settings.level_half_life)
    distance = _average(log_volatility - own[:, None], settings.level_half_life)
    return Components(
        _last_known(log_volatility),
        _average(log_volatility, settings.week_half_life),
        _average(log_volatility, settings.month_half_life),
        level + distance,
    )


def fit(components: Components, log_volatility: Floats, first: int, stop: int) -> Floats:
    """Return (3,) coefficients of the deviations of one day on the next day's, by least squares.

    Without a constant: the level is where volatility goes, and no trend of the past goes on.

    Args:
        components: of the coins to be pooled.
        log_volatility: of the same.
        first: first day that is explained.
        stop: the day after the last one.
    """
    inputs, target, is_known = _pairs(components, log_volatility, first, stop)
    inputs, target = inputs[is_known], target[is_known]
    solved, *_ = np.linalg.lstsq(inputs.T @ inputs, inputs.T @ target, rcond=None)
    coefficients: Floats = solved
    return coefficients


def surprises(
    components: Components, log_volatility: Floats, coefficients: Floats, first: int, stop: int
) -> Floats:
    """Return (stop - first, coins) of log-volatility above what the day before had told."""
    inputs, target, _ = _pairs(components, log_volatility, first, stop)
    values: Floats = target - inputs @ coefficients
    return values


def _pairs(
    components: Components, log_volatility: Floats, first: int, stop: int
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    inputs = components.deviations[first - 1 : stop - 1]
    target = log_volatility[first:stop] - components.level[first - 1 : stop - 1]
    return inputs, target, np.isfinite(inputs).all(axis=-1) & np.isfinite(target)


def weight(half_life: float) -> float:
    """Return the share of the newest day in an exponential average."""
    return float(1.0 - 0.5 ** (1.0 / half_life))


def _average(values: Floats, half_life: float) -> Floats:
    frame = pd.DataFrame(values)
    averages: Floats = frame.ewm(halflife=half_life, ignore_na=True).mean().to_numpy()
    return averages


def _last_known(values: Floats) -> Floats:
    known: Floats = pd.DataFrame(values).ffill().to_numpy()
    return known
