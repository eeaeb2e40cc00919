"""History from a folder of recorded hours: ``SYMBOL-1h.parquet``, floats, some figures unknown."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from conf.contracts.errors import ContractError
from streaming.history.cleaning import clean
from streaming.history.floats import decimal_of
from streaming.history.klines import Bar, hour_of, require_possible
from streaming.history.months import Part, month_of
from streaming.history.sources import BackfillError, Chunk, Loaded, Refusal

SUFFIX = "-1h.parquet"
_PRICES = ("open", "high", "low", "close")
_AMOUNTS = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
_REQUIRED = ("open_time", *_PRICES, "volume")
_COLUMNS = ("open_time", *_PRICES, *_AMOUNTS, "trades")
_DAY_NS = 86_400 * 10**9
_FIRST_NS, _END_NS = 10**18, 10**20  # 2001 to 5138: what else a time may say, it is none
_UNIT_NS = {"s": 10**9, "ms": 10**6, "us": 1_000, "ns": 1}

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A symbol's tick (quote units) and step (base units)."""

    tick: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True)
class _Record:
    checksum: str
    months: dict[str, tuple[Part, list[Row]]]


class FolderSource:
    """Recorded hours of each symbol that the folder holds.

    Args:
        folder: with the files.
        bounds: first hour and exclusive end, UTC epoch ms.
        grids: tick and step of the symbols for which they are known.
    """

    name = "folder"

    def __init__(self, folder: Path, bounds: tuple[int, int], grids: Mapping[str, Grid]) -> None:
        self._folder = folder
        self._bounds = bounds
        self._grids = grids
        self._records: dict[str, _Record] = {}

    async def months(self, symbol: str) -> list[Part]:
        """Read the symbol's file; return the months that it holds rows of."""
        record = await asyncio.to_thread(_read, self._folder / f"{symbol}{SUFFIX}")
        self._records[symbol] = record
        start_ms, end_ms = self._bounds
        found = sorted(part for part, _ in record.months.values())
        return [part for part in found if part.end_ms > start_ms and part.start_ms < end_ms]

    def is_loaded(self, symbol: str, month: Part, loaded: Loaded) -> bool:
        """Tell whether the month was loaded from this very file; a changed one is loaded again."""
        return loaded.get(month.name) == self._records[symbol].checksum

    async def read(
        self, symbol: str, month: Part, _loaded: Loaded
    ) -> AsyncIterator[Chunk | Refusal]:
        """Yield the month."""
        record = self._records[symbol]
        rows = record.months[month.name][1]
        grid = self._grids.get(symbol)
        end_ms = min(month.end_ms, self._bounds[1])
        is_whole = end_ms == month.end_ms
        if not is_whole:
            rows = [row for row in rows if not _is_time(row[0]) or row[0] < end_ms * 10**6]
        cleaned = clean(rows, month.start_ms, end_ms, lambda row: folder_bar(row, grid))
        yield Chunk(month, cleaned, record.checksum, is_whole)


def symbols_in(folder: Path) -> tuple[str, ...]:
    """Return the symbols that a folder holds a file of, sorted.

    Raises:
        BackfillError: if there is none.
    """
    found = sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))
    if not found:
        message = f"{folder} holds no SYMBOL{SUFFIX}"
        raise BackfillError(message)
    return tuple(found)


def folder_bar(row: Sequence[Any], grid: Grid | None) -> Bar:
    """Return the bar of a recorded hour; figures that are null stay unknown.

    Args:
        row: in the order open time (ns), open, high, low, close, four amounts, trades.
        grid: tick and step, None if unknown.

    Raises:
        ContractError: if it is no hour, no number, or impossible.
    """
    if not _is_time(row[0]):
        message = f"no open time: {row[0]}"
        raise ContractError(message)
    open_ms = hour_of(int(row[0]), None)
    tick, step = (grid.tick, grid.step) if grid else (None, None)
    try:
        opening, high, low, close = (_decimal(value, tick) for value in row[1:5])
        volume, taker_buy = _decimal(row[5], step), _decimal(row[7], step)
        quote_volume, taker_buy_quote = _decimal(row[6], None), _decimal(row[8], None)
        trades = None if row[9] is None else _count(row[9])
    except ValueError as error:
        message = f"no number: {error}"
        raise ContractError(message) from error
    if close is None:
        message = "its close is unknown"
        raise ContractError(message)
    bar = Bar(
        open_ms,
        opening,
        high,
        low,
        close,
        volume,
        quote_volume,
        taker_buy,
        taker_buy_quote,
        trades,
    )
    require_possible(bar)
    return bar


def _decimal(value: float | None, grid: Decimal | None) -> Decimal | None:
    return None if value is None else decimal_of(float(value), grid)


def _count(value: float) -> int:
    if not math.isfinite(value) or int(value) != value:
        message = f"{value!r} trades"
        raise ValueError(message)
    return int(value)


def _read(path: Path) -> _Record:
    try:
        content = path.read_bytes()
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        message = f"{path} cannot be read as hourly candles: {reason}"
        raise BackfillError(message) from error
    missing = [name for name in _REQUIRED if name not in table.column_names]
    kind: Any = None if missing else table.schema.field("open_time").type
    if missing or not pa.types.is_timestamp(kind):
        what = f"no column {', '.join(missing)}" if missing else "open_time is no timestamp"
        message = f"{path} is no record of hourly candles: {what}"
        raise BackfillError(message)
    times = table["open_time"].cast(pa.int64()).to_pylist()
    per_ns = _UNIT_NS[kind.unit]
    columns = [[None if time is None else time * per_ns for time in times]]
    for name in _COLUMNS[1:]:
        known = name in table.column_names
        columns.append(table[name].to_pylist() if known else [None] * len(times))
    months = _by_month(list(zip(*columns, strict=True)))
    if not months:
        message = f"{path} holds no row with a time"
        raise BackfillError(message)
    return _Record(hashlib.sha256(content).hexdigest(), months)


def _by_month(rows: list[Row]) -> dict[str, tuple[Part, list[Row]]]:
    """Return the rows by month; one without a usable time counts to the first, and is rejected."""
    by_day: dict[int, Part] = {}
    months: dict[str, tuple[Part, list[Row]]] = {}
    lost: list[Row] = []
    for row in rows:
        if not _is_time(row[0]):
            lost.append(row)
            continue
        day = row[0] // _DAY_NS
        if day not in by_day:
            by_day[day] = month_of(row[0] // 10**6)
        part = by_day[day]
        months.setdefault(part.name, (part, []))[1].append(row)
    if months:
        months[min(months)][1].extend(lost)
    return months


def _is_time(time_ns: int | None) -> bool:
    return time_ns is not None and _FIRST_NS <= time_ns < _END_NS
