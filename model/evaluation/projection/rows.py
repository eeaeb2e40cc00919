"""`projection.parquet`: one row per symbol, origin and day ahead. Pure but for the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from conf.names import DAY_MS
from model.evaluation.projection.walk import Projected
from model.projection.frames import QUANTILES

SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("origin", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("horizon_days", pa.int32(), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in QUANTILES),
        pa.field("last_close", pa.float64(), nullable=False),
        pa.field("actual_close", pa.float64()),
        pa.field("method", pa.string(), nullable=False),
    ]
)


def projection_frame(projected: Projected) -> pd.DataFrame:
    """Return the rows of `projection.parquet`, ordered by origin, symbol and day ahead.

    Returns:
        the columns of `SCHEMA`; prices in quote units, `actual_close` NaN where it is not known. What a
        row says depends on nothing after its origin but for `actual_close`.
    """
    row, column = np.nonzero(np.isfinite(projected.last_close))
    horizon = projected.actual.shape[2]
    symbols = np.array(projected.symbols, dtype=object)
    quantiles = projected.fan[row, column].reshape(-1, len(QUANTILES))
    origin_ms = np.repeat(projected.origins[row] * DAY_MS, horizon)
    return pd.DataFrame(
        {
            "symbol": np.repeat(symbols[column], horizon),
            "origin": pd.DatetimeIndex(origin_ms.astype("datetime64[ms]")).tz_localize("UTC"),
            "horizon_days": np.tile(np.arange(1, horizon + 1, dtype=np.int32), len(row)),
            **dict(zip(QUANTILES, quantiles.T, strict=True)),
            "last_close": np.repeat(projected.last_close[row, column], horizon),
            "actual_close": projected.actual[row, column].ravel(),
            "method": np.repeat(projected.method[row, column], horizon),
        }
    )


def write_rows(frame: pd.DataFrame, file: Path) -> None:
    """Write `projection.parquet`, the same bytes for the same rows; a reader never sees half of it."""
    table = pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)
    partial = file.with_suffix(".partial")
    pq.write_table(table.replace_schema_metadata(None), partial, compression="zstd")
    partial.replace(file)
