"""A symbol's history file, made from the table: whatever loaded the rows, readers find one file.

Guarantee: replaced whole; equal rows make the same file.
"""

from __future__ import annotations

from fsspec.implementations.webhdfs import WebHDFS
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.hdfs import write_replacing
from conf.names import Namespace
from streaming.history.stores import SCHEMA, file_bytes

_FLOATS = [field.name for field in SCHEMA if str(field.type) == "double"]
# An hour of history where there is one; where an own candle came first, that one, if it is sound.
SELECT_HOURS = f"""
SELECT {", ".join(SCHEMA.names)} FROM (
    SELECT DISTINCT ON (candle.open_time)
        (extract(epoch FROM candle.open_time) * 1000)::bigint AS open_time,
        {", ".join(f"{name}::float8" for name in _FLOATS)}, trades, source, verdict
    FROM candle
    WHERE symbol = %s AND interval = '1h' AND status = 'final'
    ORDER BY candle.open_time, verdict = 'history' DESC, revision DESC
) AS hour
WHERE verdict IN ('history', 'complete', 'quiet')
ORDER BY open_time
"""  # noqa: S608 - column names of this package


def write_file(connection: Connection, files: WebHDFS, namespace: Namespace, symbol: str) -> int:
    """Write a symbol's history file as the table has it now; none if the table has nothing.

    Returns:
        The number of hours in it.

    Raises:
        OSError: if HDFS refuses the file.
        psycopg2.Error: if Postgres does not answer.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(SELECT_HOURS, (symbol,))
        rows = cursor.fetchall()
    if rows:
        columns = dict(zip(SCHEMA.names, zip(*rows, strict=True), strict=True))
        write_replacing(files, namespace.history_file(symbol), file_bytes(columns))
    return len(rows)
