"""Hourly candles from a folder of ``SYMBOL-1h.parquet`` files, as the panel that features are made of.

Every symbol is a series of its own: a renamed coin (MATICUSDT, POLUSDT) is two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from conf.names import HOUR_MS
from model.exogenous import PREFIX, ExogenousError, read_column, with_columns

SUFFIX = "-1h.parquet"
NUMBERS = ("open", "high", "low", "close", "volume")
COLUMNS = ("open_time", *NUMBERS)
TOLERANCE = 1e-9  # relative: a close above its high by a rounding of the file is no bad hour


class HoursError(Exception):
    """The folder cannot be evaluated; one line that says what to do."""


@dataclass(frozen=True)
class Hours:
    """Candles of all coins of a folder.

    Attributes:
        symbols: coins in alphabetical order, also those whose file holds no hour.
        panel: long, ordered by hour and symbol: symbol, open_time_ms (UTC epoch ms), open, high,
            low, close, volume (float64, NaN where unknown), is_valid, and one column `x_NAME` per
            exogenous column.
    """

    symbols: tuple[str, ...]
    panel: pd.DataFrame

    @property
    def first_ms(self) -> int:
        """Open time of the first hour of any coin, UTC epoch ms."""
        return int(self.panel["open_time_ms"].iloc[0])

    @property
    def last_ms(self) -> int:
        """Open time of the last hour of any coin, UTC epoch ms."""
        return int(self.panel["open_time_ms"].iloc[-1])

    def digest(self, until_ms: int) -> str:
        """Return SHA-256 of all candles that open before `until_ms`, and of the coins' names."""
        digest = hashlib.sha256(",".join(self.symbols).encode())
        known = self.panel[self.panel["open_time_ms"] < until_ms]
        coins = pd.Index(self.symbols).get_indexer(pd.Index(known["symbol"]))
        digest.update(coins.astype("<i4").tobytes())
        outside = sorted(name for name in known.columns if name.startswith(PREFIX))
        for name in ("open_time_ms", *NUMBERS, "is_valid", *outside):
            digest.update(np.ascontiguousarray(known[name].to_numpy()).tobytes())
        return digest.hexdigest()


def read_hours(folder: Path, exogenous: Sequence[str] = ()) -> Hours:
    """Read every ``SYMBOL-1h.parquet`` of a folder, and ``exogenous/NAME-1h.parquet`` below it.

    An hour whose close is no positive number, or whose known prices contradict each other (close
    outside low … high), is marked as not valid; it is no input, and forecasts from it are refused.

    Args:
        folder: files with the columns open_time (timestamp with zone), open, high, low, close,
            volume; others are ignored.
        exogenous: names of columns from outside of the market (`model.exogenous`).

    Raises:
        HoursError: if there is no such file or one of them is not as documented.
    """
    if not folder.is_dir():
        message = f"{folder} is no folder: give the one that holds SYMBOL{SUFFIX}"
        raise HoursError(message)
    files = sorted(folder.glob(f"*{SUFFIX}"))
    if not files:
        message = f"{folder} holds no SYMBOL{SUFFIX}, such as BTCUSDT{SUFFIX}"
        raise HoursError(message)
    symbols = tuple(sorted(file.name.removesuffix(SUFFIX) for file in files))
    panel = pd.concat([_read(folder / f"{s}{SUFFIX}", s) for s in symbols], ignore_index=True)
    if panel.empty:
        message = f"the files of {folder} hold no hour"
        raise HoursError(message)
    panel = with_columns(panel, {name: _read_exogenous(folder, name) for name in exogenous})
    return Hours(symbols, panel.sort_values(["open_time_ms", "symbol"], ignore_index=True))


def _read_exogenous(folder: Path, name: str) -> pd.DataFrame:
    file = folder / "exogenous" / f"{name}{SUFFIX}"
    try:
        return read_column(name, file.read_bytes())
    except ExogenousError as error:
        raise HoursError(str(error)) from error
    except (pa.ArrowException, OSError) as error:
        message = f"{file} cannot be read: {str(error).splitlines()[0]}"
        raise HoursError(message) from error


def _read(file: Path, symbol: str) -> pd.DataFrame:
    try:
        schema = pq.read_schema(file)
        missing = [name for name in COLUMNS if name not in schema.names]
        if missing:
            message = f"{file}: no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}"
            raise HoursError(message)
        table = pq.ParquetFile(file).read(columns=list(COLUMNS))
        numbers = {name: _floats(table[name]) for name in NUMBERS}
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        message = f"{file} cannot be read as hourly candles: {reason}"
        raise HoursError(message) from error
    times = _open_times(table["open_time"], file)
    hours = pd.DataFrame({"symbol": symbol, "open_time_ms": times, **numbers})
    return hours.assign(is_valid=_is_valid(hours))


def _floats(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values: np.ndarray[tuple[int], np.dtype[np.float64]]
    values = column.cast(pa.float64()).to_numpy().astype(np.float64)
    return values


def _open_times(column: pa.ChunkedArray, file: Path) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        message = f"{file}: open_time is {column.type}, not a timestamp with a time zone"
        raise HoursError(message)
    if column.null_count:
        message = f"{file}: {column.null_count} rows have no open_time"
        raise HoursError(message)
    times: np.ndarray[tuple[int], np.dtype[np.int64]]
    times = column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64()).to_numpy()
    if (times % HOUR_MS).any():
        message = f"{file}: {int((times % HOUR_MS != 0).sum())} open times are no full hours"
        raise HoursError(message)
    if len(np.unique(times)) != len(times):
        message = f"{file}: {len(times) - len(np.unique(times))} hours are there twice; keep one"
        raise HoursError(message)
    return times


def _is_valid(hours: pd.DataFrame) -> pd.Series[bool]:
    prices = hours[["open", "high", "low", "close"]]
    known = prices.where(prices.notna(), hours["close"], axis=0)  # an unknown price says nothing
    is_price = (known > 0).all(axis=1) & np.isfinite(known).all(axis=1)
    high = known["high"] * (1 + TOLERANCE)
    low = known["low"] * (1 - TOLERANCE)
    inside = (known[["open", "close"]].max(axis=1) <= high) & (
        known[["open", "close"]].min(axis=1) >= low
    )
    valid: pd.Series[bool] = is_price & inside & ~(hours["volume"] < 0)
    return valid
