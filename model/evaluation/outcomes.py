"""Predictions as aligned arrays: what happened, once, and what each model said about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from model.forecasters.forecaster import LEVELS

BASELINE = "naive"
QUANTILE_COLUMNS = tuple(f"q{round(100 * level):02d}" for level in LEVELS)
MEDIAN = len(LEVELS) // 2
_COLUMNS = (
    *("symbol", "open_time", "model", "last_close", "actual_close", "is_refused", "reason"),
    *QUANTILE_COLUMNS,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Outcomes:
    """The rows that every model forecast, ordered by coin and hour, and the baseline's forecasts.

    Attributes:
        coins: sorted; those that have rows.
        coin: (rows,) index into `coins`.
        open_ms: (rows,) epoch ms, the opening of the hour whose close was the last one known.
        last_close: (rows,) quote units.
        actual: (rows,) the close that came, quote units.
        baseline: (rows, levels) quote units: the last close with EWMA bands.
    """

    coins: tuple[str, ...]
    coin: Ints
    open_ms: Ints
    last_close: Floats
    actual: Floats
    baseline: Floats

    def __len__(self) -> int:
        return len(self.coin)

    @property
    def returns(self) -> Floats:
        """(rows,) simple returns of the hour that was forecast."""
        values: Floats = self.actual / self.last_close - 1.0
        return values

    @property
    def scale(self) -> Floats:
        """(rows,) relative width of the baseline's 90 % band: EWMA volatility, known in advance.

        NaN where the band has no width: such a row is in no figure that is scaled by volatility.
        """
        width = (self.baseline[:, -1] - self.baseline[:, 0]) / self.last_close
        values: Floats = np.where(width > 0, width, np.nan)
        return values


@dataclass(frozen=True)
class Forecasts:
    """One model's forecasts of the outcomes.

    Attributes:
        model: its name, with `#seed` if it is one seed of several.
        outcomes: what came.
        quantiles: (rows, levels) quote units.
        is_refused: (rows,) whether the baseline stands in.
        reason: (rows,) why; an empty string where it is not refused.
    """

    model: str
    outcomes: Outcomes
    quantiles: Floats
    is_refused: npt.NDArray[np.bool_]
    reason: npt.NDArray[np.object_]

    @property
    def median(self) -> Floats:
        """(rows,) quote units: the point forecast."""
        values: Floats = self.quantiles[:, MEDIAN]
        return values

    @property
    def predicted_returns(self) -> Floats:
        """(rows,) simple returns from the last close to the median."""
        values: Floats = self.median / self.outcomes.last_close - 1.0
        return values


def pair(predictions: pd.DataFrame) -> dict[str, Forecasts]:
    """Align all models on the same rows; the order of the frame's rows plays no part.

    Args:
        predictions: columns of `predictions.parquet`; times are aware.

    Returns:
        by model, the baseline first, the others by name; they share one `Outcomes`.

    Raises:
        ValueError: if there is no baseline, a row is there twice, models differ in their rows, a
            price is not finite, or times are naive.
    """
    if BASELINE not in set(predictions["model"]):
        message = f"no rows of the model {BASELINE!r}, which every ratio is taken against"
        raise ValueError(message)
    outcomes = _outcomes(_ordered(predictions[predictions["model"] == BASELINE]))
    # one model after the other: all of them sorted at once would be the frame a second time
    paired = {
        str(model): _forecasts(str(model), _ordered(rows), outcomes)
        for model, rows in predictions[list(_COLUMNS)].groupby("model", sort=True, observed=True)
    }
    return {BASELINE: paired.pop(BASELINE), **paired}


def only(forecasts: Forecasts, coins: Sequence[str], outcomes: Outcomes | None = None) -> Forecasts:
    """Return the rows of some coins.

    Args:
        forecasts: of one model.
        coins: those to keep; the others' rows and names go.
        outcomes: the result of `select` for the same coins, where many models share it.
    """
    kept = np.isin(np.asarray(forecasts.outcomes.coins), list(coins))[forecasts.outcomes.coin]
    return _said_of(
        forecasts, kept, select(forecasts.outcomes, coins) if outcomes is None else outcomes
    )


def where(forecasts: Forecasts, rows: npt.NDArray[np.bool_]) -> Forecasts:
    """Return some rows, with all coins' names.

    Args:
        forecasts: of one model.
        rows: (rows,) those to keep.
    """
    return _said_of(forecasts, rows, _rows_of(forecasts.outcomes, rows))


def select(outcomes: Outcomes, coins: Sequence[str]) -> Outcomes:
    """Return the outcomes of some coins."""
    is_kept = np.isin(np.asarray(outcomes.coins), list(coins))
    kept = _rows_of(outcomes, is_kept[outcomes.coin])
    return replace(
        kept,
        coins=tuple(coin for coin in outcomes.coins if coin in set(coins)),
        coin=(np.cumsum(is_kept) - 1)[kept.coin],
    )


def _rows_of(outcomes: Outcomes, rows: npt.NDArray[np.bool_]) -> Outcomes:
    return replace(
        outcomes,
        coin=outcomes.coin[rows],
        open_ms=outcomes.open_ms[rows],
        last_close=outcomes.last_close[rows],
        actual=outcomes.actual[rows],
        baseline=outcomes.baseline[rows],
    )


def _said_of(forecasts: Forecasts, rows: npt.NDArray[np.bool_], outcomes: Outcomes) -> Forecasts:
    """Return what was said of some rows; `outcomes` are theirs."""
    return replace(
        forecasts,
        outcomes=outcomes,
        quantiles=forecasts.quantiles[rows],
        is_refused=forecasts.is_refused[rows],
        reason=forecasts.reason[rows],
    )


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    if rows["open_time"].dt.tz is None:
        message = "open_time has no time zone: give aware UTC times"
        raise ValueError(message)
    rows = rows.assign(
        symbol=rows["symbol"].astype(str),
        open_ms=rows["open_time"].dt.as_unit("ms").astype("int64"),
    ).sort_values(["symbol", "open_ms"], ignore_index=True)
    if rows.duplicated(["symbol", "open_ms"]).any():
        message = f"model {rows['model'].iloc[0]!r} has two rows for one coin and hour"
        raise ValueError(message)
    return rows


def _outcomes(rows: pd.DataFrame) -> Outcomes:
    coins, codes = np.unique(rows["symbol"].to_numpy(dtype=str), return_inverse=True)
    return Outcomes(
        coins=tuple(str(coin) for coin in coins),
        coin=codes.astype(np.int64),
        open_ms=rows["open_ms"].to_numpy(dtype=np.int64),
        last_close=_prices(rows, ["last_close"])[:, 0],
        actual=_prices(rows, ["actual_close"])[:, 0],
        baseline=_prices(rows, QUANTILE_COLUMNS),
    )


def _forecasts(model: str, rows: pd.DataFrame, outcomes: Outcomes) -> Forecasts:
    same = len(rows) == len(outcomes) and bool(
        np.array_equal(rows["open_ms"].to_numpy(), outcomes.open_ms)
        and np.array_equal(
            rows["symbol"].to_numpy(dtype=str), np.asarray(outcomes.coins)[outcomes.coin]
        )
        and np.array_equal(rows["last_close"].to_numpy(dtype=float), outcomes.last_close)
        and np.array_equal(rows["actual_close"].to_numpy(dtype=float), outcomes.actual)
    )
    if not same:
        message = f"model {model!r} and {BASELINE!r} differ in coins, hours or closes: score both on the same rows"
        raise ValueError(message)
    return Forecasts(
        model=model,
        outcomes=outcomes,
        quantiles=_prices(rows, QUANTILE_COLUMNS),
        is_refused=rows["is_refused"].to_numpy(dtype=bool),
        reason=rows["reason"].fillna("").to_numpy(dtype=object),
    )


def _prices(rows: pd.DataFrame, columns: Sequence[str]) -> Floats:
    values: Floats = rows[list(columns)].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        message = (
            f"model {rows['model'].iloc[0]!r} has rows without a number in {', '.join(columns)}"
        )
        raise ValueError(message)
    return values
