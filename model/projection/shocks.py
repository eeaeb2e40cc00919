"""Daily shocks of all coins, drawn together in blocks of days. Pure.

Filtered historical simulation (Barone-Adesi, Giannopoulos and Vosper 1999) with the moving blocks of
Künsch 1989, circular as in Politis and Romano 1992: a path takes whole days of the past, all coins of a
day at once, so that what holds between coins and from day to day holds in the paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shocks:
    """Days that can be drawn, complete for every coin.

    Attributes:
        move: (days, coins) log-return / realised volatility of the same day; each coin's mean is 0.
        surprise: (days, coins) of log-volatility; each coin's mean is 0.
        is_own: (days, coins) whether the coin had that day itself.
    """

    move: Floats
    surprise: Floats
    is_own: npt.NDArray[np.bool_]

    def of(self, coins: Ints) -> Shocks:
        """Return the shocks of some coins."""
        return Shocks(self.move[:, coins], self.surprise[:, coins], self.is_own[:, coins])


def make_shocks(move: Floats, surprise: Floats, short_days: int) -> Shocks:
    """Fill what a coin lacks and take the means out.

    A coin without a day takes another day in which the other coins did nearly the same: one of its own,
    or, if it has fewer than `short_days` of them, any coin's. So a short past neither cuts that
    of the others nor makes a coin independent of them.

    Args:
        move: (days, coins), NaN where unknown.
        surprise: (days, coins), NaN where unknown.
        short_days: see above.

    Raises:
        ValueError: if there are not two days that any coin knows.
    """
    is_known = np.isfinite(move) & np.isfinite(surprise)
    kept = is_known.any(axis=1)
    if kept.sum() < 2:
        message = (
            "no two days with the returns and the volatility of any coin: nothing to draw from"
        )
        raise ValueError(message)
    values = np.where(is_known[..., None], np.stack([move, surprise], axis=-1), np.nan)[kept]
    is_known = is_known[kept]
    market = _market_of_others(values)
    filled = values.copy()
    for coin in np.flatnonzero(~is_known.all(axis=0)):
        lacking = np.flatnonzero(~is_known[:, coin])
        donors = np.zeros_like(is_known)
        lends = [coin] if is_known[:, coin].sum() >= short_days else slice(None)
        donors[:, lends] = is_known[:, lends]
        filled[lacking, coin] = _borrowed(values, market, donors, lacking, market[lacking, coin])
    filled -= filled.mean(axis=0)
    return Shocks(filled[..., 0], filled[..., 1], is_known)


def draw_blocks(rng: np.random.Generator, horizon: int, paths: int, block: int) -> Floats:
    """Return (blocks, paths) in [0, 1): where each block of days begins, as a share of a pool.

    A longer horizon begins with the blocks of a shorter one.

    Args:
        rng: of all randomness.
        horizon: days that the blocks must fill.
        paths: how many.
        block: days drawn together.
    """
    return rng.random((-(-horizon // block), paths))


def drawn_days(begins: Floats, pool: int, horizon: int, block: int) -> Ints:
    """Return (horizon, paths) positions in a pool of days; after its last day comes its first.

    Args:
        begins: of `draw_blocks`; the same for all coins, so that they share their days.
        pool: days in it.
        horizon: days.
        block: days drawn together.
    """
    starts = np.floor(begins * pool).astype(np.int64)
    steps = np.arange(horizon, dtype=np.int64)
    positions: Ints = (starts[steps // block] + (steps % block)[:, None]) % pool
    return positions


def _market_of_others(values: Floats) -> Floats:
    """Return (days, coins, 2) means over the other coins that know the day, in standard deviations.

    Without the coin itself: its own move says what it did, and a coin that lacks the day has none.
    """
    is_known = np.isfinite(values)
    total = np.where(is_known, values, 0.0)
    count = is_known.sum(axis=1, keepdims=True) - is_known
    means = np.full(values.shape, np.nan)
    np.divide(total.sum(axis=1, keepdims=True) - total, count, out=means, where=count > 0)
    spread = np.nanstd(means.reshape(-1, 2), axis=0)
    scaled: Floats = means / np.where(spread > 0, spread, 1.0)
    return np.nan_to_num(scaled)  # of a coin that was alone: a market that stood still


def _borrowed(
    values: Floats,
    market: Floats,
    is_donor: npt.NDArray[np.bool_],
    days: Ints,
    wanted: Floats,
) -> Floats:
    """Return (days, 2) shocks of other days in which the market was nearest to what is wanted.

    Args:
        values: (days, coins, 2).
        market: of the others, for each coin and day.
        is_donor: (days, coins) whose shocks may be taken.
        days: that lack a shock.
        wanted: (days that lack it, 2) market of those days.
    """
    donor_day, donor_coin = np.nonzero(is_donor)
    tree = cKDTree(market[donor_day, donor_coin])
    # no more than one donor of each coin can be of the very same day
    neighbours = min(values.shape[1] + 1, len(donor_day))
    _, nearest = tree.query(wanted, k=np.arange(1, neighbours + 1))
    is_other = donor_day[nearest] != days[:, None]
    chosen = nearest[np.arange(len(days)), is_other.argmax(axis=1)]
    found: Floats = values[donor_day[chosen], donor_coin[chosen]]
    return found
