"""History in the two stores.

Guarantee: effectively once per symbol and hour. A history file is replaced whole; a row is replaced
only by another row of the same source, never a candle that was built from trades or repaired.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values

from conf.names import utc_time
from streaming.history.klines import Bar, Listing

SOURCE = "rest-klines"

_NUMBERS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "taker_buy_volume",
    "taker_buy_quote_volume",
)
SCHEMA = pa.schema(
    [
        ("open_time", pa.timestamp("ms", tz="UTC")),
        *((name, pa.float64()) for name in _NUMBERS),
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
_COLUMNS = ("symbol", "open_time", *_NUMBERS, "trades", "source", "revision", "status", "verdict")
_COLUMN_LIST = ", ".join(_COLUMNS)
_FIGURES = (*_NUMBERS, "trades")
CREATE_INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS incoming (LIKE candle INCLUDING DEFAULTS) ON COMMIT DELETE ROWS
"""
COPY_INCOMING = f"COPY incoming ({_COLUMN_LIST}) FROM STDIN"
MERGE = f"""
INSERT INTO candle ({_COLUMN_LIST}) SELECT {_COLUMN_LIST} FROM incoming
ON CONFLICT (symbol, interval, open_time, revision) DO UPDATE
SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _FIGURES)}, updated_at = clock_timestamp()
WHERE candle.source = EXCLUDED.source
  AND ({", ".join(f"candle.{name}" for name in _FIGURES)})
      IS DISTINCT FROM ({", ".join(f"EXCLUDED.{name}" for name in _FIGURES)})
"""  # noqa: S608 - column names of this module


def parquet_bytes(bars: Sequence[Bar]) -> bytes:
    """Return a history file: floats, as training reads it, UTC times in ms."""
    columns = {
        "open_time": pa.array([bar.open_time_ms for bar in bars], pa.int64()),
        "trades": pa.array([bar.trades for bar in bars], pa.int64()),
        "source": pa.array([SOURCE] * len(bars), pa.string()),
    }
    for name in _NUMBERS:
        columns[name] = pa.array([float(getattr(bar, name)) for bar in bars], pa.float64())
    arrays = [columns[field.name].cast(field.type) for field in SCHEMA]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), buffer, compression="zstd")
    return buffer.getvalue()


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


def write_bars(connection: Connection, symbol: str, bars: Iterable[Bar]) -> None:
    """Upsert a symbol's history in one transaction, exact to the digit."""
    with connection, connection.cursor() as cursor:
        cursor.execute(CREATE_INCOMING)
        cursor.copy_expert(COPY_INCOMING, io.StringIO("".join(_line(symbol, bar) for bar in bars)))
        cursor.execute(MERGE)


def _line(symbol: str, bar: Bar) -> str:
    figures = [format(getattr(bar, name), "f") for name in _NUMBERS]
    cells = [symbol, utc_time(bar.open_time_ms).isoformat(), *figures, str(bar.trades)]
    return "\t".join([*cells, SOURCE, "1", "final", "history"]) + "\n"
