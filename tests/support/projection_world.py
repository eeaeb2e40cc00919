"""A made-up exchange of days: coins that move together, in calm and in storm, one young and one pegged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from conf.names import DAY_MS, HOUR_MS
from model.projection.days import Days, make_days
from tests.support.model_history import history_table

FIRST_DAY = 19_000  # 2022-01-08
WILDNESS = {"AAAUSDT": 0.02, "BTCUSDT": 0.025, "ETHUSDT": 0.03, "SOLUSDT": 0.05}
YOUNG = "SOLUSDT"
STABLE = "USDCUSDT"


def panel(days: int = 500, young_days: int | None = 60, seed: int = 0) -> pd.DataFrame:
    """Return hours of four volatile coins and a stable one, in the columns of `read_hours`.

    Args:
        days: whole days of all but the young coin.
        young_days: how many last days `YOUNG` has; None for all of them.
        seed: of the randomness.
    """
    rng = np.random.default_rng(seed)
    hours = days * 24
    calm = np.zeros(days)
    for day in range(1, days):
        calm[day] = 0.9 * calm[day - 1] + rng.normal(0, 0.2)
    storm = np.repeat(np.exp(calm), 24) / np.sqrt(24)
    market = rng.standard_normal(hours)
    frames = []
    for symbol, wild in WILDNESS.items():
        own = rng.standard_normal(hours)
        steps = wild * storm * (0.8 * market + 0.6 * own)
        since = hours - 24 * young_days if symbol == YOUNG and young_days is not None else 0
        frames.append(_frame(symbol, 100 * np.exp(np.cumsum(steps)), since))
    distance = np.zeros(hours)
    for hour in range(1, hours):
        distance[hour] = 0.95 * distance[hour - 1] + rng.normal(0, 1e-4)
    frames.append(_frame(STABLE, np.round(np.exp(distance), 4), 0))
    return pd.concat(frames, ignore_index=True).sort_values(["open_time_ms", "symbol"])


def world(days: int = 500, young_days: int | None = 60, seed: int = 0) -> Days:
    """Return the whole days of `panel`."""
    hours = panel(days, young_days, seed)
    return make_days(hours, sorted(set(hours["symbol"])))


def write_world(folder: Path, hours: pd.DataFrame, last_ms: int | None = None) -> Path:
    """Write ``SYMBOL-1h.parquet`` of all coins, cut after the hour `last_ms` if one is given."""
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    kept = hours if last_ms is None else hours[hours["open_time_ms"] <= last_ms]
    for symbol in sorted(set(hours["symbol"])):
        pq.write_table(history_table(kept, symbol), folder / f"{symbol}-1h.parquet")
    return folder


def _frame(symbol: str, close: Sequence[float], since: int) -> pd.DataFrame:
    times = FIRST_DAY * DAY_MS + HOUR_MS * np.arange(len(close), dtype=np.int64)
    frame = pd.DataFrame({"symbol": symbol, "open_time_ms": times, "close": close})
    frame = frame.assign(
        open=frame["close"],
        high=frame["close"],
        low=frame["close"],
        volume=1.0,
        is_valid=True,
    )
    return frame.iloc[since:]
