"""Scores of the quantiles: pinball skill, coverage, width, crossings. Pure."""

from __future__ import annotations

import numpy as np

from model.evaluation.outcomes import Floats, Forecasts, Outcomes
from model.evaluation.point_scores import Periods, months, per_coin, ratio
from model.forecasters.forecaster import LEVELS
from model.metrics import crossings

BANDS = {"50": (LEVELS.index(0.25), LEVELS.index(0.75)), "90": (0, len(LEVELS) - 1)}
"""Nominal coverage in percent → columns of the band's two ends."""

COIN_MONTH_RANGE = (0.88, 0.922)
MIN_COIN_MONTH_ROWS = 360
"""Half a month: the standard error of a coverage is then 1.6 points, at 720 rows 1.1."""


def pinball_rows(quantiles: Floats, outcomes: Outcomes) -> Floats:
    """Return (rows,) pinball losses of returns, mean over the levels.

    ρ_τ(y - q) = max(τ (y - q), (τ - 1) (y - q)): Koenker and Bassett 1978, "Regression quantiles".
    """
    error = (outcomes.actual[:, None] - quantiles) / outcomes.last_close[:, None]
    level = np.asarray(LEVELS)
    losses: Floats = np.maximum(level * error, (level - 1.0) * error).mean(axis=1)
    return losses


def pinball_per_coin(forecasts: Forecasts) -> tuple[Floats, Floats]:
    """Return (coins,) mean pinball losses of the model and the baseline, over the mean |return|.

    The division makes coins of different volatility weigh alike: the scaled loss of Hyndman and
    Koehler 2006, with the errors of the last close in the test range as the scale.
    """
    outcomes = forecasts.outcomes
    scale = per_coin(np.abs(outcomes.returns), outcomes)
    own = per_coin(pinball_rows(forecasts.quantiles, outcomes), outcomes)
    naive = per_coin(pinball_rows(outcomes.baseline, outcomes), outcomes)
    return ratio(own, scale), ratio(naive, scale)


def pinball_skill(forecasts: Forecasts) -> float:
    """Return 1 - Σ loss / Σ loss of the EWMA bands, over coins; above 0 is better than they are.

    The skill score (S_fcst - S_ref) / (S_opt - S_ref) with S_opt = 0: Gneiting and Raftery 2007,
    "Strictly proper scoring rules, prediction, and estimation", 2.3.
    """
    own, naive = pinball_per_coin(forecasts)
    return float(1.0 - np.nansum(own) / np.nansum(naive)) if np.nansum(naive) > 0 else float("nan")


def is_inside(forecasts: Forecasts, band: str) -> Floats:
    """Return (rows,) 1 where the close came inside the closed band, else 0."""
    low, high = BANDS[band]
    actual = forecasts.outcomes.actual
    inside = (actual >= forecasts.quantiles[:, low]) & (actual <= forecasts.quantiles[:, high])
    return inside.astype(np.float64)


def coverage_per_month(forecasts: Forecasts, band: str, periods: Periods) -> Floats:
    """Return (periods,) coverages over all coins."""
    size = len(periods.labels)
    rows = np.bincount(periods.code, minlength=size)
    means: Floats = np.bincount(periods.code, is_inside(forecasts, band), size) / rows
    return means


def coverage_per_coin_month(forecasts: Forecasts, band: str) -> Floats:
    """Return (coins, months) coverages; NaN for fewer than `MIN_COIN_MONTH_ROWS` rows."""
    outcomes, periods = forecasts.outcomes, months(forecasts.outcomes)
    shape = len(outcomes.coins), len(periods.labels)
    cell = outcomes.coin * shape[1] + periods.code
    rows = np.bincount(cell, minlength=shape[0] * shape[1])
    inside = np.bincount(cell, is_inside(forecasts, band), shape[0] * shape[1])
    is_enough = rows >= MIN_COIN_MONTH_ROWS
    values: Floats = np.where(is_enough, inside / np.maximum(rows, 1), np.nan).reshape(shape)
    return values


def share_of_coin_months_inside(forecasts: Forecasts) -> tuple[float, int]:
    """Return the share of coin-months whose 90 % coverage is in `COIN_MONTH_RANGE`, and of how many."""
    values = coverage_per_coin_month(forecasts, "90")
    known = values[np.isfinite(values)]
    low, high = COIN_MONTH_RANGE
    share = float(np.mean((known >= low) & (known <= high))) if len(known) else float("nan")
    return share, len(known)


def width_ratio(forecasts: Forecasts, band: str) -> Floats:
    """Return (coins,) mean relative width of the band / that of the baseline's."""
    low, high = BANDS[band]
    outcomes = forecasts.outcomes
    own, naive = (
        per_coin((values[:, high] - values[:, low]) / outcomes.last_close, outcomes)
        for values in (forecasts.quantiles, outcomes.baseline)
    )
    return ratio(own, naive)


def crossed_rows(forecasts: Forecasts) -> int:
    """Return the number of rows whose quantiles are out of order; must be 0."""
    return crossings(forecasts.quantiles)
