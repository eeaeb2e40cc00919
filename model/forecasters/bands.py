"""The last close with other bands: without volatility, and by the hour of the day. Pure.

What a model's bands are worth is measured against EWMA volatility × empirical quantiles, which is
`naive`; these say what the volatility, and what the hour of the day is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.names import DAY_HOURS, HOUR_MS
from model.baselines import empirical_quantiles
from model.dataset import Windows
from model.feature_spec import SIGMA_FLOOR
from model.forecasters.forecaster import LEVELS, Fitted

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReturnQuantiles:
    """Quantiles of the coin's log-return, whatever its volatility is now.

    Attributes:
        by_coin: coin → log-returns at `LEVELS`, 0 in the middle.
        pooled: those of a coin that was not there in training.
    """

    by_coin: Mapping[str, tuple[float, ...]]
    pooled: tuple[float, ...]

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z."""
        returns = np.tile(np.asarray(self.pooled), (len(rows.z), 1))
        for symbol, own in self.by_coin.items():
            returns[rows.symbols == symbol] = own
        result: Floats = returns / rows.sigma[:, None]
        return result


@dataclass(frozen=True)
class Unconditional:
    """Quantiles of all of a coin's returns in training, without any volatility."""

    name = "unconditional"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Take the quantiles of the training rows; `validation` and `seed` are not used."""
        returns = rows.z * rows.sigma
        symbols = sorted({str(symbol) for symbol in rows.symbols.tolist()})
        by_coin = {symbol: _quantiles(returns[rows.symbols == symbol]) for symbol in symbols}
        return ReturnQuantiles(by_coin, _quantiles(returns))


def _quantiles(returns: Floats) -> tuple[float, ...]:
    # Scaled, since neighbouring quantiles are kept apart by a share of their scale.
    scale = max(float(np.nanstd(returns)), SIGMA_FLOOR)
    return tuple(scale * level for level in empirical_quantiles(returns / scale, LEVELS))


@dataclass(frozen=True)
class HourQuantiles:
    """Quantiles of z by the UTC hour of the day in which the target closes.

    Attributes:
        by_hour: 24 times `LEVELS`, 0 in the middle.
    """

    by_hour: tuple[tuple[float, ...], ...]

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z."""
        result: Floats = np.asarray(self.by_hour)[target_hours(rows)]
        return result


@dataclass(frozen=True)
class HourlyBands:
    """EWMA volatility × empirical quantiles of z in the target's hour of the day."""

    name = "ewma_hour"
    is_seeded = False

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Take the quantiles of the training rows; `validation` and `seed` are not used.

        An hour of the day that has no training row has those of all hours.
        """
        hours = target_hours(rows)
        known = np.isfinite(rows.z)
        own = [hours == hour for hour in range(DAY_HOURS)]
        return HourQuantiles(
            tuple(
                empirical_quantiles(rows.z[mask] if (mask & known).any() else rows.z, LEVELS)
                for mask in own
            )
        )


def target_hours(rows: Windows) -> npt.NDArray[np.int64]:
    """Return (rows,) UTC hour of the day of the hour that is forecast."""
    hours: npt.NDArray[np.int64] = (rows.open_time_ms // HOUR_MS + 1) % DAY_HOURS
    return hours
