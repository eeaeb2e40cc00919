"""Rows of the table `candle` and whose turn it is to write an hour, for the stream and for repairs.

An hour is in three stores, and only one of them has transactions. So whoever writes it takes its lock
first, in the transaction that holds its row, and reads there what is stored: stream and repair
write one after the other, never at the same time. The lock ends with the transaction or the connection.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values

from conf.contracts.candles import Candle
from conf.names import epoch_ms, utc_time
from streaming.candles.revisions import Current, HourKey, key_of

# Locks are entries of a table in the server's memory that has room for some thousands. An hour shares its
# lock with others, so that a batch of a hundred thousand hours takes no more than this.
LOCKS = 256

FIELDS = Candle.__slots__
COLUMNS = tuple("open_time" if name == "open_time_ms" else name for name in FIELDS)
COLUMN_LIST = ", ".join(COLUMNS)
_KEY_COLUMNS = ("symbol", "open_time", "revision")
UPDATES = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS if name not in _KEY_COLUMNS)

# In one order for everybody, so that no two wait for each other.
_TAKE = """
SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.candle'), number)
FROM unnest(%s) AS number
"""
_CURRENT = f"""
SELECT DISTINCT ON (c.symbol, c.open_time) {", ".join(f"c.{name}" for name in COLUMNS)}, c.status
FROM candle c JOIN (VALUES %s) AS wanted (symbol, open_time)
  ON c.symbol = wanted.symbol AND c.open_time = wanted.open_time
WHERE c.interval = '1h'
ORDER BY c.symbol, c.open_time, c.revision DESC
"""  # noqa: S608 - column names of this module


def take_hours(cursor: Cursor, keys: Iterable[HourKey]) -> None:
    """Wait until no other writer has one of these hours; they are the caller's until it commits.

    Raises:
        psycopg2.errors.QueryCanceled: if another one holds an hour for longer than the statement
            time-out; an `OperationalError`, worth another try.
    """
    numbers = sorted({lock_number(key) for key in keys})
    if numbers:
        cursor.execute(_TAKE, (numbers,))


def lock_number(key: HourKey) -> int:
    """Return which of the locks is an hour's, the same in every process. Pure."""
    symbol, open_time_ms = key
    return zlib.crc32(f"{symbol}|{open_time_ms}".encode()) % LOCKS


def current_rows(cursor: Cursor, keys: Iterable[HourKey]) -> dict[HourKey, Current]:
    """Return the current row, which is that of the highest revision, of each hour that has one."""
    wanted = [(symbol, utc_time(open_ms)) for symbol, open_ms in keys]
    if not wanted:
        return {}
    rows = execute_values(cursor, _CURRENT, wanted, "(%s, %s::timestamptz)", 1000, fetch=True)
    found = (_current(row) for row in rows)
    return {key_of(current.candle): current for current in found}


def _current(row: tuple[Any, ...]) -> Current:
    fields = dict(zip(FIELDS, row, strict=False))
    fields["open_time_ms"] = epoch_ms(fields["open_time_ms"])
    return Current(Candle(**fields), row[-1] == "final")


def row_values(candle: Candle, status: str) -> tuple[Any, ...]:
    """Return the values of `COLUMNS` and the status; a provisional candle has no verdict yet."""
    fields = {name: getattr(candle, name) for name in FIELDS}
    fields["open_time_ms"] = utc_time(candle.open_time_ms)
    if status == "provisional":
        fields["verdict"] = fields["reason"] = fields["witness"] = None
    return (*fields.values(), status)
