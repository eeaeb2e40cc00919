"""The rule for coins tied to the dollar: back to the peg, never beyond what was seen. Pure.

A zero-drift walk would let such a coin wander; its price has an anchor, and its past has one day, not a
distribution, that matters. The rule says how far it usually strays and how fast it comes back. It says
nothing about the peg breaking for good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.projection.settings import LEVELS
from model.stable import DEFAULT_TICK, DEPEG, DEPEG_WIDENING, is_depegged

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLOWEST_RETURN = 0.99  # of a day's distance from the peg, at most, is still there the day after


@dataclass(frozen=True)
class Peg:
    """First-order autoregression of the log-price around 0.

    Attributes:
        persistence: share of the distance that is left after a day, 0 … `SLOWEST_RETURN`.
        shocks: (days,) that were seen, their mean taken out.
        bound: largest distance that was seen; the paths stay inside.
    """

    persistence: float
    shocks: Floats
    bound: float


def fit_peg(close: Floats) -> Peg:
    """Return the rule of one coin.

    Args:
        close: (days,) quote units, NaN where unknown; days of a depeg count for shocks and bound, not
            for how fast the coin comes back.
    """
    distance = np.log(close)
    before, after = distance[:-1], distance[1:]
    is_pair = np.isfinite(before) & np.isfinite(after)
    in_peg = is_pair & ~is_depegged(close[:-1]) & ~is_depegged(close[1:])
    square = float(np.sum(before[in_peg] ** 2))
    slope = float(np.sum(before[in_peg] * after[in_peg])) / square if square > 0 else 0.0
    persistence = min(max(slope, 0.0), SLOWEST_RETURN)
    shocks = after[is_pair] - persistence * before[is_pair]
    shocks = shocks - shocks.mean() if len(shocks) else np.zeros(1)
    farthest = float(np.nanmax(np.abs(distance), initial=0.0))
    return Peg(persistence, shocks, max(farthest, DEPEG))


def simulate_peg(peg: Peg, last_close: float, positions: Ints) -> Floats:
    """Return (horizon, paths) prices in quote units.

    Args:
        peg: the coin's rule.
        last_close: quote units; away from the peg shocks count `DEPEG_WIDENING` times.
        positions: (horizon, paths) of days in `peg.shocks`.
    """
    widening = DEPEG_WIDENING if is_depegged(np.array([last_close]))[0] else 1.0
    distance = np.full(positions.shape[1], np.log(last_close))
    bound = max(peg.bound, abs(float(np.log(last_close))))
    prices = np.empty(positions.shape)
    for step, days in enumerate(positions):
        distance = peg.persistence * distance + widening * peg.shocks[days]
        distance = np.clip(distance, -bound, bound)
        prices[step] = np.exp(distance)
    return prices


def peg_quantiles(prices: Floats) -> Floats:
    """Return (horizon, levels); the outer band is at least one tick wide on each side."""
    quantiles: Floats = np.quantile(prices, LEVELS, axis=1).T
    middle = quantiles[:, len(LEVELS) // 2]
    quantiles[:, 0] = np.minimum(quantiles[:, 0], middle - DEFAULT_TICK)
    quantiles[:, -1] = np.maximum(quantiles[:, -1], middle + DEFAULT_TICK)
    return quantiles
