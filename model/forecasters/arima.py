"""ARIMA on hourly log-returns, coin by coin: order and parameters by AutoARIMA (statsforecast).

The order is searched at each fit on the coin's last 90 days of training (Hyndman and Khandakar 2008,
"Automatic time series forecasting", doi 10.18637/jss.v027.i03), returns taken as stationary. A row's
forecast is the best linear one from its own 48 returns under the fitted process, which is what the
Kalman filter says after them: its weights are the same for all rows of a coin (Brockwell and Davis
1991, section 5.1) and are made once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.feature_spec import CONTEXT_HOURS
from model.forecasters.banded import with_bands
from model.forecasters.columns import Column, column, recent_returns
from model.forecasters.forecaster import Fitted

Floats = npt.NDArray[np.float64]

HISTORY_DAYS = 90
MIN_HOURS = 500
"""A coin with fewer hours has no ARIMA and gets the last close."""

MAX_ORDER = 3
"""Of either part."""

IMPULSES = 4000
"""Terms of the process as a moving average; AutoARIMA leaves out roots that would need more."""


@dataclass(frozen=True)
class Process:
    """The linear forecast of a coin's next log-return.

    Attributes:
        mean: of the log-return.
        weights: of what the last returns are above the mean, the latest first, `CONTEXT_HOURS`.
    """

    mean: float
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Processes:
    """The point forecast: each coin's process on the row's own returns.

    Attributes:
        by_coin: coin → its process; another coin's z is 0.
    """

    by_coin: Mapping[str, Process]

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z."""
        z = np.zeros(len(rows.z))
        for symbol, process in self.by_coin.items():
            own = rows.symbols == symbol
            mean = process.mean / rows.sigma[own]
            total = mean.copy()
            for lag, weight in enumerate(process.weights):
                total += weight * (column(rows, Column("own_return", lag))[own] - mean)
            z[own] = total
        return z


@dataclass(frozen=True)
class Arima:
    """AutoARIMA at each fit, one step ahead by fixed parameters after it."""

    name = "arima"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit each coin on its last days of `rows`; `validation` and `seed` are not used."""
        returns = recent_returns(rows, HISTORY_DAYS, MIN_HOURS)
        processes = {symbol: process_of(own) for symbol, own in returns.items()}
        return with_bands(Processes(processes), rows)


def process_of(returns: Floats) -> Process:
    """Fit an ARMA with a mean; hours that are absent are passed over.

    Args:
        returns: (hours,) log-returns, the latest last.
    """
    from statsforecast.models import AutoARIMA  # here: seconds that only a fit needs

    scale = float(np.std(returns)) or 1.0  # its optimiser stops early on numbers as small as these
    model = AutoARIMA(
        max_p=MAX_ORDER,
        max_q=MAX_ORDER,
        stationary=True,
        seasonal=False,
        season_length=1,
    ).fit(returns / scale)
    found = model.model_["coef"]
    mean = scale * float(found.get("intercept", 0.0))
    phi, theta = (
        [float(found[f"{part}{lag}"]) for lag in range(1, MAX_ORDER + 1) if f"{part}{lag}" in found]
        for part in ("ar", "ma")
    )
    return Process(mean, forecast_weights(phi, theta))


def forecast_weights(phi: Sequence[float], theta: Sequence[float]) -> tuple[float, ...]:
    """Return the best weights of the last `CONTEXT_HOURS` values for the next one, the latest first.

    Args:
        phi: x[t] = Σ phi[i] x[t − 1 − i] + e[t] + Σ theta[j] e[t − 1 − j], stationary.
        theta: likewise.
    """
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter

    impulse = np.zeros(IMPULSES)
    impulse[0] = 1.0
    response = lfilter([1.0, *theta], [1.0, *(-value for value in phi)], impulse)
    covariance = np.array(
        [response[: IMPULSES - lag] @ response[lag:] for lag in range(CONTEXT_HOURS + 1)]
    )
    weights: Floats = solve_toeplitz(covariance[:-1], covariance[1:])
    return tuple(weights.tolist())
