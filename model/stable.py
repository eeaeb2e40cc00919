"""The rule for coins tied to the dollar: the last close, with bands that know the tick. Pure.

Nearly half of their hours do not move and a move is one tick, so that neither a network nor a
percentage error means anything there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DEFAULT_TICK = 1e-4
DEPEG = 5e-3  # quote units away from 1
DEPEG_WIDENING = 2.0


@dataclass(frozen=True)
class StableRule:
    """Bands of one stable coin.

    Attributes:
        levels: rising, 0.5 in the middle.
        quantiles: of z (next log-return in sigmas), 0 in the middle.
        tick: smallest move seen, in quote units.
    """

    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    tick: float

    def prices(self, last_close: float, sigma: float) -> dict[float, float]:
        """Return level → price; the outer band is at least one tick wide on each side.

        Args:
            last_close: quote units.
            sigma: the coin's hourly volatility.
        """
        widening = DEPEG_WIDENING if is_depegged(np.array([last_close]))[0] else 1.0
        prices = last_close * np.exp(sigma * widening * np.asarray(self.quantiles))
        prices[0] = min(prices[0], last_close - self.tick)
        prices[-1] = max(prices[-1], last_close + self.tick)
        return {level: float(price) for level, price in zip(self.levels, prices, strict=True)}

    def quantiles_of_z(self, last_close: float, sigma: float) -> list[float]:
        """Return the same bands as quantiles of z = log(price / last close) / sigma."""
        prices = self.prices(last_close, sigma)
        return [math.log(prices[level] / last_close) / sigma for level in self.levels]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> StableRule:
        """Return the rule of a stored version."""
        return cls(tuple(value["levels"]), tuple(value["quantiles"]), float(value["tick"]))


def is_depegged(closes: Floats) -> npt.NDArray[np.bool_]:
    """Return which closes, in quote units, are too far from 1: the depeg flag."""
    far: npt.NDArray[np.bool_] = np.abs(closes - 1.0) > DEPEG
    return far


def fit_stable(
    z: Floats, closes: Floats, levels: Sequence[float], fallback: Sequence[float]
) -> StableRule:
    """Return the rule fitted on a coin's training hours.

    Args:
        z: next log-returns in sigmas.
        closes: closes of the same hours, quote units.
        levels: of the quantiles.
        fallback: quantiles of z to use where the coin has no training hours.
    """
    known = z[np.isfinite(z)]
    values = np.quantile(known, levels) if len(known) else np.asarray(fallback, dtype=float)
    middle = len(levels) // 2
    values[middle] = 0.0
    values[:middle] = np.minimum(values[:middle], 0.0)
    values[middle:] = np.maximum(values[middle:], 0.0)
    moves = np.abs(np.diff(np.unique(np.round(closes, 8))))
    tick = float(moves.min()) if len(moves) else DEFAULT_TICK
    return StableRule(tuple(levels), tuple(float(v) for v in values), round(tick, 8))
