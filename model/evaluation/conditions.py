"""Where the edge is: a model beside the baseline under conditions that were known in advance. Pure.

A mean over years hides whether an edge comes from wild hours, from coarse ticks or from a market
that is gone. Figures are pooled over rows, since a condition may hold for a few coins only.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from conf.names import DAY_HOURS, HOUR_MS
from model.evaluation import point_scores as points
from model.evaluation import significance
from model.evaluation.outcomes import Floats, Forecasts, Ints, Outcomes, where

QUINTILES = 5
QUINTILE_NAMES = ("lowest fifth", "second", "third", "fourth", "highest fifth")
SESSION_HOURS = 6
UNKNOWN = -1

TICK_BOUNDS = (0.001, 0.003, 0.01, 0.03)
"""Of one price step / hourly volatility. Each of the five classes holds a tenth to a quarter of the
recorded coin-hours of 2019 to 2024: BTCUSDT lies in the first, a coin of 0.3 USD with four decimals in the last two."""
MOST_DECIMALS = 10  # no spot pair has more than eight
Z_90 = 3.29  # width of a normal 90 % band in standard deviations

Condition = tuple[tuple[str, ...], Ints]
"""Names of its classes, and (rows,) the class of each row; `UNKNOWN` where it is not known."""


def by_condition(forecasts: Forecasts) -> dict[str, dict[str, dict[str, Any]]]:
    """Return rows, pooled rMAE, directional accuracy and DM t by condition and class.

    Args:
        forecasts: at least one row.

    Returns:
        condition → class → figures; classes without a row are left out.
    """
    return {
        name: _figures(forecasts, condition(forecasts.outcomes))
        for name, condition in CONDITIONS.items()
    }


def year(outcomes: Outcomes) -> Condition:
    """Return the calendar year, UTC, of the last known hour."""
    values, code = np.unique(
        outcomes.open_ms.astype("datetime64[ms]").astype("datetime64[Y]"), return_inverse=True
    )
    return tuple(str(value) for value in values), code.astype(np.int64)


def volatility(outcomes: Outcomes) -> Condition:
    """Return the fifth of a coin's own hours by EWMA volatility: calm to wild for this coin."""
    code = np.full(len(outcomes), UNKNOWN, dtype=np.int64)
    for coin in range(len(outcomes.coins)):
        own = outcomes.coin == coin
        code[own] = _fifth(outcomes.scale[own])
    return QUINTILE_NAMES, code


def last_move(outcomes: Outcomes) -> Condition:
    """Return the fifth by |return| of the last known hour in EWMA band widths.

    Unknown for a coin's first row and where the row of the hour before is not there.
    """
    before = np.roll(outcomes.last_close, 1)
    follows = np.roll(outcomes.open_ms, 1) == outcomes.open_ms - HOUR_MS
    follows &= np.roll(outcomes.coin, 1) == outcomes.coin
    move = np.abs(outcomes.last_close / before - 1.0) / outcomes.scale
    return QUINTILE_NAMES, _fifth(np.where(follows, move, np.nan))


def tick(outcomes: Outcomes) -> Condition:
    """Return the class of one price step in hourly volatilities.

    The step is that of the decimals which a coin's closes of the month needed: exchanges change it
    as prices change, and a file of candles does not say it.
    """
    months = points.months(outcomes).code
    needed = _decimals(outcomes.last_close)
    shape = len(outcomes.coins), int(months.max()) + 1
    most = np.zeros(shape, dtype=np.int64)
    np.maximum.at(most, (outcomes.coin, months), needed)
    step = 10.0 ** -most[outcomes.coin, months].astype(np.float64)
    relative = step / outcomes.last_close / (outcomes.scale / Z_90)
    code = np.searchsorted(TICK_BOUNDS, np.nan_to_num(relative), side="right").astype(np.int64)
    low, high = TICK_BOUNDS[0], TICK_BOUNDS[-1]
    between = tuple(f"{one:g} to {two:g}" for one, two in pairwise(TICK_BOUNDS))
    names = (f"below {low:g}", *between, f"{high:g} and more")
    return names, np.where(np.isfinite(relative), code, UNKNOWN)


def session(outcomes: Outcomes) -> Condition:
    """Return the quarter of the UTC day in which the hour that is forecast lies."""
    hour = (outcomes.open_ms // HOUR_MS + 1) % DAY_HOURS
    starts = range(0, DAY_HOURS, SESSION_HOURS)
    names = tuple(f"{start:02d} to {start + SESSION_HOURS:02d} UTC" for start in starts)
    return names, (hour // SESSION_HOURS).astype(np.int64)


CONDITIONS: dict[str, Callable[[Outcomes], Condition]] = {
    "year": year,
    "volatility": volatility,
    "last move": last_move,
    "tick / volatility": tick,
    "hour of the day": session,
}


def _figures(forecasts: Forecasts, condition: Condition) -> dict[str, dict[str, Any]]:
    names, code = condition
    figures = {}
    for number, name in enumerate(names):
        rows = code == number
        if not rows.any():
            continue
        part = where(forecasts, rows)
        figures[name] = {
            "rows": int(rows.sum()),
            "rmae_pooled": points.rmae_pooled(part),
            "da": points.accuracy(part),
            "dm_t": significance.diebold_mariano(significance.absolute_difference(part).difference),
        }
    return figures


def _fifth(values: Floats) -> Ints:
    """Return the fifth of each value, `UNKNOWN` for NaN; equal values are in one fifth."""
    known = np.isfinite(values)
    code = np.full(len(values), UNKNOWN, dtype=np.int64)
    if known.any():
        code[known] = points.quantile_class(values[known], QUINTILES)
    return code


def _decimals(prices: Floats) -> Ints:
    """Return how many decimals each price needs."""
    needed = np.full(len(prices), MOST_DECIMALS, dtype=np.int64)
    for decimals in range(MOST_DECIMALS - 1, -1, -1):
        exact = np.isclose(np.round(prices, decimals), prices, rtol=1e-12, atol=0.0)
        needed = np.where(exact, decimals, needed)
    return needed
