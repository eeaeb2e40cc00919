"""The paper's 180 days, kept as a warning row: its level LSTM fed with its own output, day after day.

As in `model.forecasters.paper`, but of daily closes: each coin scaled to 0 … 1 by the smallest
and the largest of training, 24 of them in, one out of a tanh unit; what comes out goes in as the newest
close, as many times as there are days to project. Whatever error one step has is the next one's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.forecasters.paper import LOOK_BACK_HOURS, MIN_SHARE, Levels, train
from model.projection.days import Days

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LOOK_BACK = LOOK_BACK_HOURS  # closes, here of days
EPOCHS = 20
"""Passes: about as many steps of the optimiser on days as the hourly model has on hours."""

REFIT_DAYS = 365
"""It is there to warn: fitting it more often costs minutes and mends nothing."""

MIN_ROWS = 100


@dataclass(frozen=True)
class Daily:
    """A fitted network.

    Attributes:
        symbols: coins that it was trained on, the rows of `ranges`.
        ranges: (coins, 2) smallest close and span of training, quote units.
        network: weights.
    """

    symbols: tuple[str, ...]
    ranges: Floats
    network: Levels

    def paths(self, symbols: Sequence[str], closes: Floats, horizon: int) -> Floats:
        """Return (rows, horizon) prices, each day's made from those of the days before.

        Args:
            symbols: coin of each row, all of them trained on.
            closes: (rows, `LOOK_BACK`) last known ones, quote units.
            horizon: days.
        """
        low, span = self.ranges[[self.symbols.index(symbol) for symbol in symbols]].T
        window = (closes - low[:, None]) / span[:, None]
        prices = np.empty((len(closes), horizon))
        for step in range(horizon):
            following = self.network.following(window)
            prices[:, step] = low + span * following
            window = np.concatenate([window[:, 1:], following[:, None]], axis=1)
        return np.maximum(prices, MIN_SHARE * closes[:, -1:])


def fit_daily(days: Days, columns: Ints, origin: int, seed: int) -> Daily | None:
    """Train on all days before an origin.

    Args:
        days: of all coins.
        columns: of the volatile ones.
        origin: number of a day since 1970-01-01.
        seed: of the first weights and of the order of the rows.

    Returns:
        None if fewer than `MIN_ROWS` days have the days before them.
    """
    known = days.close[: origin - days.first]
    symbols, ranges, inputs, targets = [], [], [], []
    for column in columns:
        windows, target = _windows(known[:, column])
        if len(target):
            low, high = np.nanmin(known[:, column]), np.nanmax(known[:, column])
            span = max(high - low, MIN_SHARE * low)
            symbols.append(days.symbols[column])
            ranges.append((low, span))
            inputs.append((windows - low) / span)
            targets.append((target - low) / span)
    if sum(map(len, targets)) < MIN_ROWS:
        return None
    weights = train(np.concatenate(inputs), np.concatenate(targets), seed, EPOCHS)
    return Daily(tuple(symbols), np.array(ranges), Levels({}, weights))


def last_closes(days: Days, symbol: str, origin: int) -> Floats | None:
    """Return (`LOOK_BACK`,) closes before an origin, None if one of them is not known."""
    stop = origin - days.first
    closes = days.close[max(stop - LOOK_BACK, 0) : stop, days.symbols.index(symbol)]
    return closes if len(closes) == LOOK_BACK and np.isfinite(closes).all() else None


def _windows(closes: Floats) -> tuple[Floats, Floats]:
    """Return (rows, `LOOK_BACK`) closes without a hole and (rows,) the close after them."""
    if len(closes) <= LOOK_BACK:
        return np.empty((0, LOOK_BACK)), np.empty(0)
    views = np.lib.stride_tricks.sliding_window_view(closes, LOOK_BACK + 1)
    whole = views[np.isfinite(views).all(axis=1)]
    return whole[:, :-1], whole[:, -1]
