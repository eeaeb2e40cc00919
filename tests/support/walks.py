"""A made-up folder of candles with the holes of real ones, and a walk over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq

from conf.names import DAY_MS, HOUR_MS
from model.evaluation.assemble import Walked
from model.evaluation.champion import Model
from model.evaluation.hours import read_hours
from model.evaluation.plan import Fold, plan_folds
from model.evaluation.row_files import keep_rows
from model.evaluation.rows import make_rows
from model.evaluation.settings import EvaluationSettings
from model.evaluation.walk import Done, Walk
from tests.support.model_history import COINS, START_MS, history_table, random_panel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = EvaluationSettings(validation_days_short=5, chunk_hours=200)
HOURS = 1600
TEST_FROM_MS = START_MS + 40 * DAY_MS
TEST_UNTIL_MS = START_MS + 60 * DAY_MS - HOUR_MS
REFIT_MS = 7 * DAY_MS

HALT_MS = TEST_FROM_MS + 3 * DAY_MS
"""No coin has this hour: the exchange stood still."""
BAD_MS = TEST_FROM_MS + 9 * DAY_MS
"""ETHUSDT closed above its high in this hour."""
LATE_MS = TEST_FROM_MS + 12 * DAY_MS
"""SOLUSDT begins with this hour, long after the others."""

SYMBOLS = (*COINS, "SOLUSDT")


def holed_panel() -> pd.DataFrame:
    """Return hours of five coins with a reversal, a halt, a bad hour and a late coin."""
    panel = random_panel(SYMBOLS, HOURS, reversal=0.3)
    time, symbol = panel["open_time_ms"], panel["symbol"]
    panel = panel[(time != HALT_MS) & ~((symbol == "SOLUSDT") & (time < LATE_MS))].copy()
    bad = (panel["symbol"] == "ETHUSDT") & (panel["open_time_ms"] == BAD_MS)
    panel.loc[bad, "high"] = panel.loc[bad, "close"] * 0.9
    return panel


def write_folder(
    folder: Path, panel: pd.DataFrame, symbols: Sequence[str], last_ms: int | None = None
) -> Path:
    """Write ``SYMBOL-1h.parquet`` of some coins, cut after the hour `last_ms` if one is given."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = panel if last_ms is None else panel[panel["open_time_ms"] <= last_ms]
    for symbol in symbols:
        pq.write_table(history_table(kept, symbol), folder / f"{symbol}-1h.parquet")
    return folder


def walked(
    candles: Path,
    models: Sequence[Model],
    cache: Path,
    *,
    seeds: Sequence[int] = (7,),
    spark: SparkSession | None = None,
    refit_ms: int = REFIT_MS,
    change: Callable[[Fold], Fold] = lambda fold: fold,
    on_done: Callable[[Done], None] = lambda _: None,
) -> Walked:
    """Walk over a folder of `holed_panel`, with a session on two workers, else in this process.

    `change` may spoil what a fit is allowed to know.
    """
    hours = read_hours(candles)
    plan = plan_folds(
        hours.first_ms, TEST_FROM_MS - HOUR_MS, TEST_FROM_MS, TEST_UNTIL_MS, refit_ms, SETTINGS
    )
    folds = tuple(change(fold) for fold in plan if fold.test_from_ms < hours.last_ms)
    first = min(fold.train_from_ms for fold in folds)
    bounds = (first, folds[-1].test_until_ms, SETTINGS)
    rows = make_rows(hours, *bounds) if spark is None else keep_rows(hours, *bounds, cache)

    def session() -> SparkSession:
        assert spark is not None
        return spark

    workers = 1 if spark is None else 2
    walk = Walk(hours, rows, folds, models, seeds, SETTINGS, cache, session, workers)
    return walk.run(on_done)
