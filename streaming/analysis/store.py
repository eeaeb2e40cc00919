"""The analysis in Postgres.

Guarantee: a run replaces the rows of all analysis tables in one transaction, with its row in
`analysis_run`; readers see the old analysis or the whole new one. Only rows that differ are written, so
that a repeated run writes none. Of two runs at once the later one waits for the other.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.csv
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name

from streaming.analysis.tables import KEYS

STATEMENT_TIMEOUT_MS = 120_000
"""The largest table, 125,000 pairs and days of ten coins over eight years, takes a second or two on a
machine that has nothing else to do; the bound of the queries (10 s) is too near for one that has."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('nexthour analysis'), hashtext(current_schema()))"
_RUN = """
INSERT INTO analysis_run (started_at, until_time, symbols, hours, changed)
VALUES (%s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What a run analysed.

    Attributes:
        started_at: wall time, UTC.
        until: UTC midnight, exclusive end of the hours.
        symbols: that have a history, in the order of the settings.
        hours: of all of them.
    """

    started_at: datetime
    until: datetime
    symbols: Sequence[str]
    hours: int


def write_analysis(connection: Connection, run: Analysed, tables: Mapping[str, pa.Table]) -> int:
    """Replace the analysis by that of a run.

    Args:
        connection: to the namespace's schema, in no transaction.
        run: what was analysed.
        tables: rows of each table of `KEYS`, all of them, columns named as in the table.

    Returns:
        The number of rows that were inserted, changed or deleted.

    Raises:
        psycopg2.Error: if the store refuses; nothing is written then.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        cursor.execute(_LOCK)
        changed = sum(_replace(cursor, table, tables[table]) for table in KEYS)
        about = (run.started_at, run.until, list(run.symbols), run.hours, changed)
        cursor.execute(_RUN, about)
    return changed


def _replace(cursor: Cursor, table: str, rows: pa.Table) -> int:
    key, columns = KEYS[table], rows.column_names
    figures = [name for name in columns if name not in key]
    incoming = f"incoming_{table}"
    cursor.execute(f"CREATE TEMP TABLE {incoming} (LIKE {table}) ON COMMIT DROP")
    cursor.copy_expert(
        f"COPY {incoming} ({', '.join(columns)}) FROM STDIN (FORMAT csv)", _csv(rows)
    )
    same_key = " AND ".join(f"new.{name} = old.{name}" for name in key)
    cursor.execute(
        f"DELETE FROM {table} AS old "  # noqa: S608 - own names
        f"WHERE NOT EXISTS (SELECT FROM {incoming} AS new WHERE {same_key})"
    )
    deleted = int(cursor.rowcount)
    cursor.execute(
        f"INSERT INTO {table} AS old ({', '.join(columns)}) "  # noqa: S608 - own names
        f"SELECT {', '.join(columns)} FROM {incoming} "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE "
        f"SET {', '.join(f'{name} = EXCLUDED.{name}' for name in figures)} "
        f"WHERE ({', '.join(f'old.{name}' for name in figures)}) "
        f"IS DISTINCT FROM ({', '.join(f'EXCLUDED.{name}' for name in figures)})"
    )
    return deleted + int(cursor.rowcount)


def _csv(rows: pa.Table) -> io.BytesIO:
    """Return the rows as CSV, nulls empty; doubles in the shortest form that gives them back exactly."""
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(rows, buffer, pyarrow.csv.WriteOptions(include_header=False))
    buffer.seek(0)
    return buffer
