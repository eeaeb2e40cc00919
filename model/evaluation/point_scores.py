"""Scores of the median: errors beside those of the last close, and direction. Pure.

Every function takes aligned forecasts; NaN stands where a figure has no meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from model.evaluation.outcomes import MEDIAN, Floats, Forecasts, Ints, Outcomes
from model.metrics import directional_accuracy

DECILES = 10
MIN_SHARE = 0.5  # a coin listed on a month's last day shall not weigh as much as a whole month


@dataclass(frozen=True)
class Periods:
    """Months or quarters of the rows, UTC, by the hour whose close was the last one known.

    Attributes:
        labels: in time order, as "2024-07" or "2024Q3".
        code: (rows,) index into `labels`.
    """

    labels: tuple[str, ...]
    code: Ints


def months(outcomes: Outcomes) -> Periods:
    """Return the calendar months of the rows."""
    values, code = np.unique(_month_number(outcomes), return_inverse=True)
    labels = tuple(f"{1970 + value // 12}-{value % 12 + 1:02d}" for value in values)
    return Periods(labels, code.astype(np.int64))


def quarters(outcomes: Outcomes) -> Periods:
    """Return the calendar quarters of the rows."""
    values, code = np.unique(_month_number(outcomes) // 3, return_inverse=True)
    labels = tuple(f"{1970 + value // 4}Q{value % 4 + 1}" for value in values)
    return Periods(labels, code.astype(np.int64))


def per_coin(values: Floats, outcomes: Outcomes) -> Floats:
    """Return (coins,) means of a (rows,) array."""
    size = len(outcomes.coins)
    means: Floats = np.bincount(outcomes.coin, values, size) / np.bincount(
        outcomes.coin, minlength=size
    )
    return means


def absolute_errors(forecasts: Forecasts) -> tuple[Floats, Floats]:
    """Return (rows,) |actual - median| of the model and of the baseline, quote units."""
    outcomes = forecasts.outcomes
    return (
        np.abs(outcomes.actual - forecasts.median),
        np.abs(outcomes.actual - outcomes.baseline[:, MEDIAN]),
    )


def rmae_per_coin(forecasts: Forecasts) -> Floats:
    """Return (coins,) MAE / MAE of the baseline on the same rows, in price.

    Relative MAE: Hyndman and Koehler 2006, "Another look at measures of forecast accuracy", 2.3.
    """
    own, naive = (per_coin(errors, forecasts.outcomes) for errors in absolute_errors(forecasts))
    return ratio(own, naive)


def rmae_pooled(forecasts: Forecasts) -> float:
    """Return Σ |error| / last close over all rows, as a share of the baseline's."""
    own, naive = absolute_errors(forecasts)
    price = forecasts.outcomes.last_close
    return float(ratio(np.sum(own / price), np.sum(naive / price)))


def rmae_per_coin_and_period(forecasts: Forecasts, periods: Periods) -> Floats:
    """Return (coins, periods) rMAE in price; NaN where a coin has too few rows.

    Too few are less than `MIN_SHARE` of what the coin with the most rows in the period has.
    """
    outcomes = forecasts.outcomes
    shape = len(outcomes.coins), len(periods.labels)
    cell = outcomes.coin * shape[1] + periods.code
    own, naive = (
        np.bincount(cell, errors, shape[0] * shape[1]).reshape(shape)
        for errors in absolute_errors(forecasts)
    )
    rows = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    is_enough = (rows > 0) & (rows >= MIN_SHARE * rows.max(axis=0))
    return np.where(is_enough, ratio(own, naive), np.nan)


def mean_known(values: Floats, axis: int | None = None) -> Floats:
    """Return the mean of the values that are numbers; NaN where there are none."""
    known = np.isfinite(values)
    return ratio(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))


def mape(forecasts: Forecasts) -> float:
    """Return the mean of |actual - median| / actual over all rows, in percent."""
    own, _ = absolute_errors(forecasts)
    return float(100.0 * np.mean(own / forecasts.outcomes.actual))


def rmse_per_coin(forecasts: Forecasts) -> tuple[Floats, Floats]:
    """Return (coins,) root mean squared errors of the model and of the baseline, quote units."""
    own, naive = absolute_errors(forecasts)
    outcomes = forecasts.outcomes
    return np.sqrt(per_coin(own**2, outcomes)), np.sqrt(per_coin(naive**2, outcomes))


def nrmse_per_coin(forecasts: Forecasts) -> Floats:
    """Return (coins,) RMSE / mean actual close."""
    return ratio(
        rmse_per_coin(forecasts)[0], per_coin(forecasts.outcomes.actual, forecasts.outcomes)
    )


def pearson_per_coin(forecasts: Forecasts) -> Floats:
    """Return (coins,) Pearson r of predicted and actual returns; NaN where one never varies."""
    outcomes = forecasts.outcomes
    return np.array(
        [
            correlation(
                forecasts.predicted_returns[outcomes.coin == coin],
                outcomes.returns[outcomes.coin == coin],
            )
            for coin in range(len(outcomes.coins))
        ]
    )


def information_coefficient(forecasts: Forecasts) -> float:
    """Return Spearman's rank correlation of predicted and actual returns over all rows.

    Both in units of the EWMA band's width, so that one coin's calm and another's storm can be
    ranked together.
    """
    scale = forecasts.outcomes.scale
    known = np.isfinite(scale)
    predicted, actual = (
        pd.Series((values / scale)[known]).rank().to_numpy(dtype=float)
        for values in (forecasts.predicted_returns, forecasts.outcomes.returns)
    )
    return correlation(predicted, actual)


def accuracy(forecasts: Forecasts) -> float:
    """Return directional accuracy over all rows in [0, 1]; a tie counts one half."""
    return directional_accuracy(forecasts.outcomes.returns, forecasts.predicted_returns)


def accuracy_by_confidence(forecasts: Forecasts) -> tuple[Floats, Ints]:
    """Return directional accuracy and rows by decile of confidence, the least confident first.

    Confidence is |predicted return| / relative width of the EWMA band. Rows that are equally
    confident are in one decile, the lowest of theirs, so that deciles may differ in size; an empty
    one has NaN.
    """
    confidence = np.nan_to_num(np.abs(forecasts.predicted_returns) / forecasts.outcomes.scale)
    decile = quantile_class(confidence, DECILES)
    product = np.sign(forecasts.predicted_returns) * np.sign(forecasts.outcomes.returns)
    rows = np.bincount(decile, minlength=DECILES).astype(np.int64)
    hits = np.bincount(decile, (product + 1.0) / 2.0, DECILES)
    return ratio(hits, rows), rows


def quantile_class(values: Floats, classes: int) -> Ints:
    """Return the class of each value, 0 the lowest, of so many of equal size.

    Equal values are in one class, the lowest of theirs.

    Args:
        values: finite; at least one.
        classes: 10 for deciles.
    """
    edges = np.quantile(values, np.arange(1, classes) / classes)
    return np.searchsorted(edges, values, side="left").astype(np.int64)


def correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's r; NaN if one of the two never varies."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def ratio(top: npt.ArrayLike, bottom: npt.ArrayLike) -> Floats:
    """Divide; NaN where the divisor is not above 0."""
    over, under = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    return np.divide(over, under, out=np.full(np.shape(over), np.nan), where=under > 0)


def _month_number(outcomes: Outcomes) -> Ints:
    return outcomes.open_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
