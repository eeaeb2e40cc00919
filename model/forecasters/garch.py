"""The last close with bands by GARCH(1,1) with Student's t, coin by coin. Pure.

h[t + 1] = ω + α r[t]² + β h[t], r[t] = √h[t] e[t] with e of unit variance (Bollerslev 1987, "A
conditionally heteroskedastic time series model for speculative prices and rates of return", doi
10.2307/1925546). ω is set so that h is the sample's variance in the long run; α, β and the degrees
of freedom by maximum likelihood. A row's h goes through its own 48 returns; it starts from the mean
square of the week, whose weight is β^48 by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.baselines import empirical_quantiles
from model.dataset import Windows
from model.feature_spec import CONTEXT_HOURS, SIGMA_FLOOR
from model.forecasters.columns import Column, column, recent_returns
from model.forecasters.forecaster import LEVELS, Fitted

Floats = npt.NDArray[np.float64]

HISTORY_DAYS = 365
MIN_HOURS = 2000
"""A coin with fewer hours has EWMA bands."""

STARTS = (0.1, 0.85, 4.0)
BOUNDS = ((1e-4, 0.5), (0.3, 0.995), (2.1, 50.0))
"""Of α, β and the degrees of freedom; below 2 a t has no variance."""

MAX_PERSISTENCE = 0.9995
"""Of α + β, for a variance in the long run."""

MIN_VARIANCE = 1e-9
"""In units of the sample's, for a coin that never moved."""


@dataclass(frozen=True)
class Garch:
    """A coin's process.

    Attributes:
        omega: square of a log-return.
        alpha: weight of the last square.
        beta: weight of the last variance.
        quantiles: of e at `LEVELS`, 0 in the middle.
    """

    omega: float
    alpha: float
    beta: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class GarchBands:
    """The last close with each coin's bands.

    Attributes:
        by_coin: coin → its process.
        base: quantiles of z of another coin.
    """

    by_coin: Mapping[str, Garch]
    base: tuple[float, ...]

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z."""
        bands = np.tile(np.asarray(self.base), (len(rows.z), 1))
        squares = [column(rows, Column("own_return", lag)) ** 2 for lag in range(CONTEXT_HOURS)]
        week = (1.0 + column(rows, Column("volatility_168h"))) ** 2
        for symbol, garch in self.by_coin.items():
            own = rows.symbols == symbol
            omega, variance = garch.omega / rows.sigma[own] ** 2, week[own]
            for square in reversed(squares):  # the oldest first
                variance = omega + garch.alpha * square[own] + garch.beta * variance
            bands[own] = np.sqrt(variance)[:, None] * np.asarray(garch.quantiles)
        return bands


@dataclass(frozen=True)
class GarchForecaster:
    """GARCH(1,1)-t on the last year of training."""

    name = "garch"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit each coin on its last days of `rows`; `validation` and `seed` are not used."""
        returns = recent_returns(rows, HISTORY_DAYS, MIN_HOURS)
        by_coin = {symbol: fit_garch(own) for symbol, own in returns.items()}
        return GarchBands(by_coin, empirical_quantiles(rows.z, LEVELS))


def fit_garch(returns: Floats) -> Garch:
    """Return the process of the greatest likelihood; hours that are absent are passed over.

    Args:
        returns: (hours,) log-returns, the latest last.
    """
    from scipy.optimize import minimize
    from scipy.stats import t

    scale = max(float(np.std(returns)), SIGMA_FLOOR)
    squares = (returns / scale) ** 2
    found = minimize(_loss, STARTS, args=(squares,), method="L-BFGS-B", bounds=BOUNDS)
    alpha, beta, freedom = (float(value) for value in found.x)
    beta = min(beta, MAX_PERSISTENCE - alpha)
    unit = np.sqrt((freedom - 2.0) / freedom)
    return Garch(
        omega=float(np.mean(squares)) * (1.0 - alpha - beta) * scale**2,
        alpha=alpha,
        beta=beta,
        quantiles=tuple(float(unit * value) for value in t.ppf(LEVELS, freedom)),
    )


def _loss(parameters: Floats, squares: Floats) -> float:
    """Return the mean negative log-likelihood of squares of returns with mean 0."""
    from scipy.signal import lfilter
    from scipy.special import gammaln

    alpha, beta, freedom = parameters
    beta = min(beta, MAX_PERSISTENCE - alpha)
    long_run = max(float(np.mean(squares)), MIN_VARIANCE)
    driven = long_run * (1.0 - alpha - beta) + alpha * squares[:-1]
    variance, _ = lfilter([1.0], [1.0, -beta], driven, zi=[beta * long_run])
    inner = 1.0 + squares[1:] / (variance * (freedom - 2.0))
    constant = (
        gammaln((freedom + 1.0) / 2.0)
        - gammaln(freedom / 2.0)
        - 0.5 * np.log(np.pi * (freedom - 2.0))
    )
    likelihood = constant - 0.5 * np.log(variance) - 0.5 * (freedom + 1.0) * np.log(inner)
    return -float(np.mean(likelihood))
