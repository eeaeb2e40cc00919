"""Made-up hourly histories and training windows for tests of the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.features import FeatureSpec
from model.windows import chunk_windows
from model.windows_plan import WindowsPlan, plan_windows

START_MS = 1_696_118_400_000  # 2023-10-01T00:00Z
COINS = ("BTCUSDT", "ETHUSDT", "DOGEUSDT", "USDCUSDT")


def random_panel(
    symbols: Sequence[str] = COINS, hours: int = 600, seed: int = 0, reversal: float = 0.0
) -> pd.DataFrame:
    """Return a long panel of random walks from `START_MS`; `reversal` pulls each step against the last."""
    rng = np.random.default_rng(seed)
    frames = []
    for position, symbol in enumerate(symbols):
        scale = 0.0001 if symbol == "USDCUSDT" else 0.004 * (1 + position)
        steps = rng.standard_t(4, hours) * scale
        for hour in range(1, hours):
            steps[hour] -= reversal * steps[hour - 1]
        close = 100.0 / (1 + position) * np.exp(np.cumsum(steps))
        if symbol == "USDCUSDT":
            close = np.round(1 + (close / close[0] - 1) * 0.1, 4)
        open_ = np.concatenate([[close[0]], close[:-1]])
        wick = np.abs(rng.normal(size=hours)) * scale
        frames.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "open_time_ms": START_MS + HOUR_MS * np.arange(hours, dtype=np.int64),
                    "open": open_,
                    "high": np.maximum(open_, close) * (1 + wick),
                    "low": np.minimum(open_, close) * (1 - wick),
                    "close": close,
                    "volume": rng.lognormal(3, 1, hours),
                    "is_valid": True,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def history_table(panel: pd.DataFrame, symbol: str) -> pa.Table:
    """Return a symbol's hours in the layout of the history files."""
    rows = panel[panel["symbol"] == symbol]
    times = pa.array(rows["open_time_ms"].to_numpy(), pa.timestamp("ms", tz="UTC"))
    columns = {name: rows[name] for name in ("open", "high", "low", "close", "volume")}
    nothing = pa.nulls(len(rows), pa.float64())
    return pa.table(
        {
            "open_time": times,
            **{name: pa.array(values) for name, values in columns.items()},
            "quote_volume": nothing,
            "taker_buy_volume": nothing,
            "taker_buy_quote_volume": nothing,
            "trades": pa.nulls(len(rows), pa.int64()),
            "source": pa.array(["made up"] * len(rows)),
        }
    )


def plan_of(panel: pd.DataFrame, settings: ModelSettings) -> WindowsPlan:
    """Return the plan for all hours of a panel."""
    times = panel["open_time_ms"]
    return plan_windows(int(times.min()), int(times.max()), settings)


def write_snapshot(
    folder: Path, panel: pd.DataFrame, spec: FeatureSpec, settings: ModelSettings
) -> WindowsPlan:
    """Write windows as the Spark job does, but without Spark: shuffled, one file per part."""
    plan = plan_of(panel, settings)
    rows = pd.concat(
        [chunk_windows(chunk, panel, spec, plan) for chunk in range(plan.chunks)],
        ignore_index=True,
    ).sample(frac=1.0, random_state=1)
    for part, group in rows.groupby("part"):
        table = pa.table(
            {
                "symbol": pa.array(group["symbol"]),
                "open_time_ms": pa.array(group["open_time_ms"]),
                "coin": pa.array(group["coin"], pa.int32()),
                "sequence": pa.array(group["sequence"].tolist(), pa.list_(pa.float32())),
                "static": pa.array(group["static"].tolist(), pa.list_(pa.float32())),
                "sigma": pa.array(group["sigma"]),
                "last_close": pa.array(group["last_close"]),
                "target_z": pa.array(group["target_z"], pa.float32()),
            }
        )
        (folder / f"part={part}").mkdir(parents=True)
        pq.write_table(table, folder / f"part={part}" / "0.parquet", row_group_size=700)
    return plan
