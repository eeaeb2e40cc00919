"""History in the two stores.

Guarantee: effectively once per symbol and hour. A history file is replaced whole; a row is replaced
only by a row of the same or a better source of history, never a candle that was built from trades or
repaired.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values

from conf.contracts.candles import DECIMAL_FIELDS
from conf.names import utc_time
from conf.symbol_changes import SYMBOL_CHANGES
from streaming.history.klines import Bar, Listing

SOURCE = "rest-klines"
SOURCES = ("folder", "rest-klines", "dump")
"""Sources of history, the better one later.

A folder's figures went through floats and may be incomplete. REST tells the exchange's own figures,
as it holds them today. A dump has them too, with a checksum that says what exactly was loaded.
"""

SCHEMA = pa.schema(
    [
        ("open_time", pa.timestamp("ms", tz="UTC")),
        *((name, pa.float64()) for name in DECIMAL_FIELDS),
        ("trades", pa.int64()),
        ("source", pa.string()),
    ]
)

UPSERT_SYMBOLS = """
INSERT INTO symbol (symbol, status, base_asset, quote_asset, tick_size, step_size, position)
VALUES %s
ON CONFLICT (symbol) DO UPDATE
SET status = EXCLUDED.status, base_asset = EXCLUDED.base_asset,
    quote_asset = EXCLUDED.quote_asset, tick_size = EXCLUDED.tick_size,
    step_size = EXCLUDED.step_size, position = EXCLUDED.position, updated_at = now()
"""
_COLUMNS = (
    "symbol",
    "open_time",
    *DECIMAL_FIELDS,
    "trades",
    "source",
    "revision",
    "status",
    "verdict",
)
_COLUMN_LIST = ", ".join(_COLUMNS)
_FIGURES = (*DECIMAL_FIELDS, "trades")
CREATE_INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS incoming (LIKE candle INCLUDING DEFAULTS) ON COMMIT DELETE ROWS
"""
COPY_INCOMING = f"COPY incoming ({_COLUMN_LIST}) FROM STDIN"
_RANK = "coalesce(array_position(ARRAY[{}], {{}}.source), 0)".format(
    ", ".join(f"'{name}'" for name in SOURCES)
)
_CONTENT = (*_FIGURES, "source")
MERGE = f"""
INSERT INTO candle ({_COLUMN_LIST}) SELECT {_COLUMN_LIST} FROM incoming
ON CONFLICT (symbol, interval, open_time, revision) DO UPDATE
SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _CONTENT)}, updated_at = clock_timestamp()
WHERE candle.verdict = 'history'
  AND {_RANK.format("candle")} BETWEEN 1 AND {_RANK.format("EXCLUDED")}
  AND ({", ".join(f"candle.{name}" for name in _CONTENT)})
      IS DISTINCT FROM ({", ".join(f"EXCLUDED.{name}" for name in _CONTENT)})
"""  # noqa: S608 - column names of this module
UPSERT_CHANGES = """
INSERT INTO symbol_change (old_symbol, new_symbol, ended_at, began_at, ratio) VALUES %s
ON CONFLICT (old_symbol, new_symbol) DO UPDATE
SET ended_at = EXCLUDED.ended_at, began_at = EXCLUDED.began_at, ratio = EXCLUDED.ratio
"""


def parquet_bytes(bars: Sequence[Bar]) -> bytes:
    """Return a history file of bars by REST."""
    columns: dict[str, list[Any]] = {
        "open_time": [bar.open_time_ms for bar in bars],
        "trades": [bar.trades for bar in bars],
        "source": [SOURCE] * len(bars),
    }
    for name in DECIMAL_FIELDS:
        columns[name] = [_float(getattr(bar, name)) for bar in bars]
    return file_bytes(columns)


def file_bytes(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Return a history file: floats, as training reads it, UTC times in ms; unknown figures null.

    Args:
        columns: those of `SCHEMA`, `open_time` in epoch ms.
    """
    arrays = [
        pa.array(columns[field.name], pa.int64()).cast(field.type)
        if field.name == "open_time"
        else pa.array(columns[field.name], field.type)
        for field in SCHEMA
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), buffer, compression="zstd")
    return buffer.getvalue()


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number)


def write_symbols(connection: Connection, listings: Sequence[Listing]) -> None:
    """Upsert the symbols in one transaction; their order is the order of the settings."""
    rows = [
        (
            listing.symbol,
            listing.status,
            listing.base_asset,
            listing.quote_asset,
            listing.tick_size,
            listing.step_size,
            position,
        )
        for position, listing in enumerate(listings)
    ]
    with connection, connection.cursor() as cursor:
        execute_values(cursor, UPSERT_SYMBOLS, rows)
        write_changes(cursor)


def write_changes(cursor: Cursor) -> None:
    """Upsert which symbols went on under another name, in the caller's transaction."""
    rows = [
        (change.old, change.new, change.old_ended, change.new_began, change.ratio)
        for change in SYMBOL_CHANGES
    ]
    execute_values(cursor, UPSERT_CHANGES, rows)


def write_bars(connection: Connection, symbol: str, bars: Iterable[Bar]) -> None:
    """Upsert a symbol's history by REST in one transaction, exact to the digit."""
    with connection, connection.cursor() as cursor:
        merge_bars(cursor, symbol, SOURCE, bars)


def merge_bars(cursor: Cursor, symbol: str, source: str, bars: Iterable[Bar]) -> None:
    """Upsert bars of a source in the caller's transaction; they stay in the table `incoming`."""
    cursor.execute(CREATE_INCOMING)
    lines = "".join(_line(symbol, source, bar) for bar in bars)
    cursor.copy_expert(COPY_INCOMING, io.StringIO(lines))
    cursor.execute(MERGE)


def _line(symbol: str, source: str, bar: Bar) -> str:
    figures = [_cell(getattr(bar, name)) for name in DECIMAL_FIELDS]
    trades = "\\N" if bar.trades is None else str(bar.trades)
    cells = [symbol, utc_time(bar.open_time_ms).isoformat(), *figures, trades]
    return "\t".join([*cells, source, "1", "final", "history"]) + "\n"


def _cell(number: Decimal | None) -> str:
    return "\\N" if number is None else format(number, "f")
