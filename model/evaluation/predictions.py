"""Quantiles of z as prices, one row per model and coin-hour, and their file. Pure but for the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from conf.names import HOUR_MS
from model.baselines import empirical_quantiles, ewma_bands
from model.evaluation.picked import Picked, Positions, pick_rows
from model.evaluation.plan import Fold
from model.evaluation.rows import Rows
from model.forecasters.forecaster import LEVELS
from model.stable import StableRule, fit_stable

Floats = npt.NDArray[np.float64]

BASELINE = "naive"
PRICES = ("last_close", "q05", "q25", "q50", "q75", "q95", "actual_close")
_TIME = pa.timestamp("ms", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("open_time", _TIME, nullable=False),
        pa.field("target_open_time", _TIME, nullable=False),
        pa.field("model", pa.string(), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in PRICES),
        pa.field("is_refused", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class Ground(Picked):
    """What all models of one fit share: its rows and the forecast that needs no model.

    Attributes:
        baseline: (tested, levels) prices: the last close with EWMA bands.
        stable: (tested, levels) prices of the stable coins' rule; NaN in other rows.
        stable_validation: rows of stable coins, usable, in the hours that validate.
        stable_seed: (stable_validation, levels) prices of the same rule there.
    """

    baseline: Floats
    stable: Floats
    stable_validation: Positions
    stable_seed: Floats

    def prices(self, rows: Rows, model: str, quantiles: Floats) -> Floats:
        """Return (tested, levels) prices of one model.

        Args:
            rows: that the positions count in.
            model: the baseline keeps its EWMA bands for stable coins, too.
            quantiles: (asked, levels) of z.
        """
        prices = self.baseline.copy()
        if model != BASELINE:
            ruled = np.isfinite(self.stable[:, 0])
            prices[ruled] = self.stable[ruled]
        scaled = rows.sigma[self.asked][:, None] * quantiles
        prices[self.featured] = rows.close[self.asked][:, None] * np.exp(scaled)
        return prices


def lay_ground(rows: Rows, fold: Fold) -> Ground:
    """Choose a fit's rows and make what needs no model.

    Raises:
        ValueError: if no volatile coin has a row to train on or to validate with.
    """
    picked = pick_rows(rows, fold)
    trains = rows.between(fold.train_from_ms, fold.train_until_ms)
    validates = rows.between(fold.validation_from_ms, fold.validation_until_ms)
    bases = _bases(rows, picked.train, trains)
    stable_validation = np.flatnonzero(validates & rows.is_stable & rows.is_usable)
    return Ground(
        picked.train,
        picked.validation,
        picked.tested,
        picked.featured,
        _baseline(rows, picked.tested, trains, bases),
        _stable(rows, picked.tested, trains, bases),
        stable_validation,
        _stable(rows, stable_validation, trains, bases),
    )


def _bases(rows: Rows, train: Positions, trains: npt.NDArray[np.bool_]) -> Floats:
    """Return (coins, levels) quantiles of z: one for the volatile coins, one for each stable."""
    pooled = empirical_quantiles(rows.z[train], LEVELS)
    bases = np.tile(np.asarray(pooled), (len(rows.spec.symbols), 1))
    for coin in _stable_coins(rows):
        z = rows.z[trains & (rows.coin == coin) & rows.is_usable]
        if np.isfinite(z).any():
            bases[coin] = empirical_quantiles(z, LEVELS)
    return bases


def _stable_coins(rows: Rows) -> list[int]:
    return [rows.spec.symbols.index(symbol) for symbol in rows.spec.stable]


def _baseline(
    rows: Rows, tested: Positions, trains: npt.NDArray[np.bool_], bases: Floats
) -> Floats:
    """Return the last close with EWMA bands; a coin too new for a sigma has the training's median."""
    sigma, coin = rows.sigma[tested].copy(), rows.coin[tested]
    for number in np.unique(coin[np.isnan(sigma)]):
        own = rows.sigma[trains & (rows.coin == number)]
        known = own if np.isfinite(own).any() else rows.sigma[trains & ~rows.is_stable]
        sigma[np.isnan(sigma) & (coin == number)] = np.nanmedian(known)
    bands = np.empty((len(tested), len(LEVELS)))
    for number in np.unique(coin):
        own_rows = coin == number
        close = rows.close[tested][own_rows]
        bands[own_rows] = ewma_bands(close, sigma[own_rows], bases[number])
    return bands


def _stable(rows: Rows, tested: Positions, trains: npt.NDArray[np.bool_], bases: Floats) -> Floats:
    prices = np.full((len(tested), len(LEVELS)), np.nan)
    for coin in _stable_coins(rows):
        own = trains & (rows.coin == coin) & rows.is_usable
        rule = fit_stable(rows.z[own], rows.close[own], LEVELS, bases[coin])
        ruled = np.flatnonzero((rows.coin[tested] == coin) & rows.is_usable[tested])
        for position in ruled:
            prices[position] = _ruled(rule, rows, int(tested[position]))
    return prices


def _ruled(rule: StableRule, rows: Rows, row: int) -> Floats:
    prices = rule.prices(float(rows.close[row]), float(rows.sigma[row]))
    return np.array([prices[level] for level in LEVELS])


def prediction_frame(rows: Rows, tested: Positions, model: str, prices: Floats) -> pd.DataFrame:
    """Return the rows of `predictions.parquet` of one model.

    Args:
        rows: that `tested` counts in.
        tested: which rows.
        model: its name.
        prices: (tested, levels).

    Returns:
        The columns of `SCHEMA`, times as UTC, ordered as `rows` is: by hour and coin.
    """
    symbols = np.array(rows.spec.symbols, dtype=object)
    opened = rows.open_time_ms[tested]
    names = [f"q{round(100 * level):02d}" for level in LEVELS]
    return pd.DataFrame(
        {
            "symbol": symbols[rows.coin[tested]],
            "open_time": _utc(opened),
            "target_open_time": _utc(opened + HOUR_MS),
            "model": model,
            "last_close": rows.close[tested],
            **{name: prices[:, column] for column, name in enumerate(names)},
            "actual_close": rows.next_close[tested],
            "is_refused": ~rows.is_usable[tested],
            "reason": rows.reason[tested],
        }
    )


def _utc(times_ms: npt.NDArray[np.int64]) -> pd.Series[pd.Timestamp]:
    return pd.Series(times_ms.astype("datetime64[ms]")).dt.tz_localize("UTC")


def write_predictions(frame: pd.DataFrame, file: Path) -> None:
    """Write `predictions.parquet`, the same bytes for the same rows; a reader never sees half of it."""
    table = pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)
    partial = file.with_suffix(".partial")
    pq.write_table(table.replace_schema_metadata(None), partial, compression="zstd")
    partial.replace(file)
