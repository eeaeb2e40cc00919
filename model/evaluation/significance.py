"""Could it be chance? Diebold-Mariano over hours, bootstrap intervals over weeks. Pure.

Coins move together and losses cluster in time, so rows are not independent: the test looks at one
number per hour, the interval at whole weeks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conf.names import WEEK_MS
from model.evaluation.band_scores import pinball_rows
from model.evaluation.outcomes import Floats, Forecasts, Ints
from model.evaluation.point_scores import absolute_errors

LAGS = 24
DRAWS = 2_000
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Hourly:
    """Loss of the baseline minus loss of the model, mean over the coins of each hour.

    Attributes:
        open_ms: (hours,) rising; hours without any row are not there.
        difference: (hours,) above 0 where the model was better; in EWMA band widths.
    """

    open_ms: Ints
    difference: Floats


def absolute_difference(forecasts: Forecasts) -> Hourly:
    """Return hourly differences of |relative error| / EWMA band width.

    The division by a volatility that was known beforehand keeps wild hours from deciding alone.
    """
    own, naive = absolute_errors(forecasts)
    outcomes = forecasts.outcomes
    return _hourly((naive - own) / outcomes.last_close / outcomes.scale, outcomes.open_ms)


def pinball_difference(forecasts: Forecasts) -> Hourly:
    """Return hourly differences of the pinball loss / EWMA band width."""
    outcomes = forecasts.outcomes
    own = pinball_rows(forecasts.quantiles, outcomes)
    naive = pinball_rows(outcomes.baseline, outcomes)
    return _hourly((naive - own) / outcomes.scale, outcomes.open_ms)


def diebold_mariano(difference: Floats, lags: int = LAGS) -> float:
    """Return the t of a mean loss difference of 0; above 0 the model is better.

    Diebold and Mariano 1995, "Comparing predictive accuracy", with the variance of Newey and West
    1987: γ₀ + 2 Σ (1 - k / (lags + 1)) γ_k, each γ_k over n. The small-sample correction of Harvey,
    Leybourne and Newbold 1997 is √(1 - 1/n) one step ahead and left out.

    Args:
        difference: (hours,) in time order.
        lags: of the variance; those beyond the sample are left out.

    Returns:
        t, or NaN where the difference never varies.
    """
    count = len(difference)
    if count < 2 or np.ptp(difference) == 0:
        return float("nan")
    centred = difference - difference.mean()
    variance = float(centred @ centred) / count
    for lag in range(1, min(lags, count - 1) + 1):
        weight = 1.0 - lag / (lags + 1.0)
        variance += 2.0 * weight * float(centred[lag:] @ centred[:-lag]) / count
    if variance <= 0:
        return float("nan")
    return float(difference.mean()) / math.sqrt(variance / count)


def bootstrap_intervals(forecasts: Forecasts) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of rMAE (mean over coins, in price) and directional accuracy.

    Percentile bootstrap of whole weeks with all their coins, drawn with replacement: the
    non-overlapping blocks of Carlstein 1986, "The use of subseries values for estimating the
    variance of a general statistic from a stationary sequence". The draws are the same in every run.

    Returns:
        keys `rmae` and `da`; NaN where there are fewer than two weeks.
    """
    outcomes = forecasts.outcomes
    weeks, week = np.unique(outcomes.open_ms // WEEK_MS, return_inverse=True)
    if len(weeks) < 2:
        unknown = (float("nan"), float("nan"))
        return {"rmae": unknown, "da": unknown}
    shape = len(weeks), len(outcomes.coins)
    cell = week * shape[1] + outcomes.coin
    own, naive = (
        np.bincount(cell, errors, shape[0] * shape[1]).reshape(shape)
        for errors in absolute_errors(forecasts)
    )
    product = np.sign(forecasts.predicted_returns) * np.sign(outcomes.returns)
    hits = np.bincount(week, (product + 1.0) / 2.0, shape[0])
    rows = np.bincount(week, minlength=shape[0]).astype(np.float64)
    times = np.random.default_rng(0).multinomial(
        shape[0], np.full(shape[0], 1.0 / shape[0]), size=DRAWS
    )
    own_sums, naive_sums = times @ own, times @ naive
    # a coin of few weeks is missing from some draws
    ratio = np.divide(
        own_sums, naive_sums, out=np.full(own_sums.shape, np.nan), where=naive_sums > 0
    )
    is_known = np.isfinite(ratio).any(axis=1)
    return {
        "rmae": _interval(np.nanmean(ratio[is_known], axis=1)),
        "da": _interval((times @ hits) / (times @ rows)),
    }


def _interval(values: Floats) -> tuple[float, float]:
    if len(values) == 0:
        return (float("nan"), float("nan"))
    low, high = np.quantile(values, INTERVAL)
    return float(low), float(high)


def _hourly(values: Floats, open_ms: Ints) -> Hourly:
    known = np.isfinite(values)
    hours, code = np.unique(open_ms[known], return_inverse=True)
    return Hourly(hours, np.bincount(code, values[known]) / np.bincount(code))
