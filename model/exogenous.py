"""Hourly columns from outside of the market (sentiment, chain data) as part of the panel. Pure.

A file of a column holds `open_time` (timestamp with zone), `value` (number) and, if it differs by
coin, `symbol`. The value of an hour must be known when that hour closes: what is published later
belongs to a later hour. An hour without a value is masked, in training as in serving.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import pandas as pd
import pyarrow.parquet as pq

from conf.names import HOUR_MS

PREFIX = "x_"
"""Of a column's name in the panel."""


class ExogenousError(Exception):
    """A file that is no hourly column; one line that says why."""


def read_column(name: str, content: bytes) -> pd.DataFrame:
    """Return a column's rows: open_time_ms (UTC epoch ms), value, and symbol if it has one.

    Args:
        name: of the column, for errors.
        content: of its Parquet file.

    Raises:
        ExogenousError: if a column is missing, an hour opens at no full hour or comes twice.
    """
    table = pq.read_table(io.BytesIO(content))
    missing = {"open_time", "value"} - set(table.column_names)
    if missing:
        message = f"{name}: the file lacks {', '.join(sorted(missing))}"
        raise ExogenousError(message)
    times = table["open_time"].to_pandas()
    if times.dt.tz is None:
        message = f"{name}: open_time has no time zone"
        raise ExogenousError(message)
    frame = pd.DataFrame(
        {
            "open_time_ms": times.dt.tz_convert("UTC")
            .astype("datetime64[ms, UTC]")
            .astype("int64"),
            "value": table["value"].to_pandas().astype("float64"),
        }
    )
    keys = ["open_time_ms"]
    if "symbol" in table.column_names:
        frame["symbol"] = table["symbol"].to_pandas()
        keys.append("symbol")
    if (frame["open_time_ms"] % HOUR_MS).any() or frame.duplicated(keys).any():
        message = f"{name}: each row is one full hour, each hour once"
        raise ExogenousError(message)
    return frame


def with_columns(panel: pd.DataFrame, columns: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the panel with one column `x_NAME` per exogenous column, NaN where it has no value.

    Args:
        panel: long, with symbol and open_time_ms.
        columns: rows of `read_column` by name.
    """
    for name, frame in columns.items():
        keys = ["open_time_ms", "symbol"] if "symbol" in frame else ["open_time_ms"]
        values = frame.rename(columns={"value": PREFIX + name})
        panel = panel.merge(values, on=keys, how="left")
    return panel
