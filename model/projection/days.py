"""Hourly closes as whole UTC days: closes, returns and realised volatility of all coins. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from conf.names import DAY_MS, HOUR_MS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLOSING_HOUR = 20
"""A day's close is that of its last hour; the exchange's longest halts took three before midnight."""

MIN_HOURS = 12
"""Volatility of fewer covered hours is not scaled up to a day."""

MIN_VOLATILITY = 1e-4
"""Of a day, as a log-return: below it a price stood still, and its logarithm would say nothing."""


@dataclass(frozen=True)
class Days:
    """Whole days of all coins.

    Attributes:
        symbols: the columns, in alphabetical order.
        first: number of the first day since 1970-01-01; row `i` is the day `first + i`.
        close: (days, coins) quote units, NaN where unknown.
        move: (days, coins) log-return from the day before, NaN unless both closes are known.
        log_volatility: (days, coins) ½ log of the sum of squared hourly log-returns, scaled to 24
            hours: realised volatility (Andersen, Bollerslev, Diebold and Labys 2003).
    """

    symbols: tuple[str, ...]
    first: int
    close: Floats
    move: Floats
    log_volatility: Floats

    def __len__(self) -> int:
        return len(self.close)

    @property
    def next_origin(self) -> int:
        """Number of the day that begins when the last whole one has ended."""
        return self.first + len(self)


def make_days(panel: pd.DataFrame, symbols: Sequence[str]) -> Days:
    """Return the whole days of a panel of hours; a day is whole when any coin has its last hour.

    Args:
        panel: columns symbol, open_time_ms (UTC epoch ms, each hour once per symbol), close (quote
            units), is_valid; in any order. Hours that are not valid are as if they were absent.
        symbols: coins to take, also such that have no hour.

    Raises:
        ValueError: if there is no whole day.
    """
    times = panel["open_time_ms"]
    first = int(times.min() // DAY_MS) if len(panel) else 0
    count = int((times.max() + HOUR_MS) // DAY_MS) - first if len(panel) else 0
    if count < 1:
        message = "the hours hold no whole UTC day: nothing can be projected from them"
        raise ValueError(message)
    names = tuple(sorted(symbols))
    usable = panel[panel["is_valid"] & (panel["close"] > 0)]
    known = usable.sort_values(["symbol", "open_time_ms"])
    close, volatility = np.full((2, count, len(names)), np.nan)
    for symbol, hours in known.groupby("symbol", sort=False, observed=True):
        if symbol in names:
            column = names.index(str(symbol))
            open_ms = hours["open_time_ms"].to_numpy(np.int64) - first * DAY_MS
            prices = hours["close"].to_numpy(np.float64)
            close[:, column] = _closes(open_ms, prices, count)
            volatility[:, column] = _volatility(open_ms, prices, count)
    move = np.full_like(close, np.nan)
    move[1:] = np.log(close[1:] / close[:-1])
    return Days(names, first, close, move, np.log(np.maximum(volatility, MIN_VOLATILITY)))


def _closes(open_ms: Ints, prices: Floats, count: int) -> Floats:
    day = open_ms // DAY_MS
    is_last = np.append(day[1:] != day[:-1], True)
    is_close = is_last & (open_ms % DAY_MS >= CLOSING_HOUR * HOUR_MS) & (day < count)
    closes = np.full(count, np.nan)
    closes[day[is_close]] = prices[is_close]
    return closes


def _volatility(open_ms: Ints, prices: Floats, count: int) -> Floats:
    """Return (count,) realised volatility; a return over a halt counts for all hours of the halt."""
    hours = np.diff(open_ms) // HOUR_MS
    day = open_ms[1:] // DAY_MS
    counts = (hours <= 24) & (day < count)
    squares = np.log(prices[1:] / prices[:-1])[counts] ** 2
    covered = np.bincount(day[counts], hours[counts], count)
    total = np.bincount(day[counts], squares, count)
    is_enough = covered >= MIN_HOURS
    variance = np.divide(24.0 * total, covered, out=np.full(count, np.nan), where=is_enough)
    volatility: Floats = np.sqrt(variance)
    return volatility
