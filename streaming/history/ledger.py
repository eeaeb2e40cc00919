"""What of the history was loaded, and the transaction that a chunk is loaded in.

Guarantee: a chunk's rows, its refused rows and its line in `history_load` become readable together or
not at all. A load that was killed goes on behind the last chunk; loading a chunk again gives the same
rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values

from conf.names import Namespace
from streaming.history.folder import Grid
from streaming.history.months import Part
from streaming.history.sources import Chunk, Loaded
from streaming.history.stores import merge_bars, write_changes

_LOADED = "SELECT symbol, chunk, checksum FROM history_load WHERE source = %s"
_FORGET = """
DELETE FROM history_load WHERE source = %s AND symbol = ANY(%s) AND left(chunk, 7) = ANY(%s)
"""
_DROP_REJECTIONS = "DELETE FROM history_rejection WHERE symbol = %s AND source = %s AND chunk = %s"
_REJECT = (
    "INSERT INTO history_rejection (symbol, source, chunk, position, reason, row_text) VALUES %s"
)
_NOTE = """
INSERT INTO history_load (symbol, source, chunk, checksum, rows, rejected)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (symbol, source, chunk) DO UPDATE
SET checksum = EXCLUDED.checksum, rows = EXCLUDED.rows, rejected = EXCLUDED.rejected,
    loaded_at = clock_timestamp()
"""
_OWN = """
SELECT count(*) FROM incoming JOIN candle USING (symbol, interval, open_time, revision)
WHERE candle.verdict IS DISTINCT FROM 'history'
"""
_BACKFILLED = "SELECT DISTINCT symbol FROM history_load"
_LOCK = "SELECT pg_try_advisory_lock(hashtext(%s))"


def loaded_chunks(connection: Connection, source: str) -> dict[str, Loaded]:
    """Return what was loaded of a source: by symbol, each chunk with its checksum."""
    found: dict[str, dict[str, str | None]] = defaultdict(dict)
    with connection, connection.cursor() as cursor:
        cursor.execute(_LOADED, (source,))
        for symbol, chunk, checksum in cursor.fetchall():
            found[symbol][chunk] = checksum
    return dict(found)


def forget_loads(
    connection: Connection, source: str, symbols: Sequence[str], months: Sequence[Part]
) -> None:
    """Forget that chunks of these months were loaded; their rows stay until they are replaced."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FORGET, (source, list(symbols), [month.name for month in months]))


def store_chunk(connection: Connection, symbol: str, source: str, chunk: Chunk) -> int:
    """Store a chunk whole, in one transaction; noted as loaded only if it will not grow.

    Returns:
        The number of its hours that hold an own candle, which stays as it is.
    """
    name, rejections = chunk.part.name, chunk.cleaned.rejections
    with connection, connection.cursor() as cursor:
        merge_bars(cursor, symbol, source, chunk.cleaned.bars)
        cursor.execute(_OWN)
        (own,) = cursor.fetchone() or (0,)
        cursor.execute(_DROP_REJECTIONS, (symbol, source, name))
        rows = [(symbol, source, name, r.position, r.reason, r.text) for r in rejections]
        if rows:
            execute_values(cursor, _REJECT, rows, page_size=1000)
        if chunk.is_whole:
            counts = (len(chunk.cleaned.bars), len(rejections))
            cursor.execute(_NOTE, (symbol, source, name, chunk.checksum, *counts))
    return int(own)


def note_symbol_changes(connection: Connection) -> None:
    """Write down which symbols went on under another name."""
    with connection, connection.cursor() as cursor:
        write_changes(cursor)


def backfilled_symbols(connection: Connection) -> set[str]:
    """Return the symbols of which history was backfilled; none in a schema without the table."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('history_load')")
        if (cursor.fetchone() or (None,))[0] is None:
            return set()
        cursor.execute(_BACKFILLED)
        return {symbol for (symbol,) in cursor.fetchall()}


def known_grids(connection: Connection) -> dict[str, Grid]:
    """Return tick and step of the symbols that the exchange was asked about."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT symbol, tick_size, step_size FROM symbol")
        return {symbol: Grid(tick, step) for symbol, tick, step in cursor.fetchall()}


def take_turn(connection: Connection, namespace: Namespace) -> bool:
    """Claim to be the namespace's only backfill while the connection lives; False if another is."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_LOCK, (f"nexthour backfill {namespace.sql_schema}",))
        return bool((cursor.fetchone() or (False,))[0])
