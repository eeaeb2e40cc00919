"""A comparison in the tables `reconcile_run`, `reconcile_result` and `reconcile_difference`.

Guarantee: one transaction per comparison: all of it is there or nothing. Each comparison is a row of its
own; none is ever changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values

from conf.names import utc_time
from streaming.reconcile.outcome import Outcome
from streaming.reconcile.ranges import HourRange

_RUN = """
INSERT INTO reconcile_run (started_at, finished_at, from_time, until_time, is_green, stores)
VALUES (%s, clock_timestamp(), %s, %s, %s, %s) RETURNING id
"""
_RESULTS = """
INSERT INTO reconcile_result
    (run_id, symbol, store, expected, equal, missing, different, surplus) VALUES %s
"""
_DIFFERENCES = """
INSERT INTO reconcile_difference (run_id, symbol, open_time, store, difference) VALUES %s
"""


def record(
    connection: Connection,
    outcome: Outcome,
    hours: HourRange,
    compared: Sequence[str],
    started_at: datetime,
) -> int:
    """Store a comparison and return its id.

    Args:
        connection: to the namespace's schema.
        outcome: what was found.
        hours: the range that was compared.
        compared: the stores, and `exchange` if it was asked.
        started_at: wall time, aware.

    Raises:
        psycopg2.Error: if the server refuses; nothing is stored then.
    """
    run = (
        started_at,
        utc_time(hours.from_ms),
        utc_time(hours.until_ms),
        outcome.is_green,
        list(compared),
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(_RUN, run)
        row = cursor.fetchone()
        assert row is not None
        run_id = int(row[0])
        results = [
            (run_id, symbol, store, t.expected, t.equal, t.missing, t.different, t.surplus)
            for (symbol, store), t in outcome.tallies.items()
        ]
        if results:
            execute_values(cursor, _RESULTS, results, page_size=1000)
        differences = [
            (run_id, f.symbol, utc_time(f.open_time_ms), f.store, f"{f.state}: {f.text}")
            for f in outcome.findings
        ]
        if differences:
            execute_values(cursor, _DIFFERENCES, differences, page_size=1000)
    return run_id
