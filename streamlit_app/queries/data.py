"""Verdicts, revisions, repairs, comparisons of the stores, loaded history."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.queries.base import MOST_SYMBOLS, first, rows
from streamlit_app.records.data import (
    HistoryRow,
    ReconcileDifference,
    ReconcileResult,
    ReconcileRun,
    RepairRow,
    RevisionRow,
    VerdictRow,
)

MOST_ROWS = 100
MOST_RUNS = 20
MOST_RESULTS = 1_000

# A symbol's hours begin with its first candle, however long the window is.
_VERDICTS = """
WITH hours AS (
    SELECT DISTINCT ON (symbol, open_time) symbol, open_time, verdict, revision FROM candle
    WHERE interval = '1h' AND status = 'final'
        AND open_time > %(after)s AND open_time <= %(last)s
    ORDER BY symbol, open_time, revision DESC
)
SELECT s.symbol,
    coalesce(greatest(0, extract(epoch FROM %(last)s - greatest(
        f.open_time, %(after)s::timestamptz + interval '1 hour')) / 3600 + 1), 0)::int AS expected,
    (count(*) FILTER (WHERE verdict = 'complete'))::int AS complete,
    (count(*) FILTER (WHERE verdict = 'quiet'))::int AS quiet,
    (count(*) FILTER (WHERE verdict = 'partial'))::int AS partial,
    (count(*) FILTER (WHERE verdict = 'disputed'))::int AS disputed,
    (count(*) FILTER (WHERE verdict = 'history'))::int AS history,
    (count(*) FILTER (WHERE revision > 1))::int AS revised
FROM (SELECT symbol, position FROM symbol ORDER BY position LIMIT %(limit)s) AS s
LEFT JOIN LATERAL (SELECT open_time FROM candle WHERE symbol = s.symbol AND interval = '1h'
    ORDER BY open_time LIMIT 1) AS f ON true
LEFT JOIN hours h ON h.symbol = s.symbol
GROUP BY s.symbol, s.position, f.open_time ORDER BY s.position
"""

_REVISIONS = """
SELECT n.symbol, n.open_time, n.revision, n.verdict, n.reason, n.source, n.updated_at, n.close,
    n.volume, n.trades, o.verdict AS old_verdict, o.close AS old_close, o.volume AS old_volume,
    o.trades AS old_trades
FROM candle n JOIN candle o ON o.symbol = n.symbol AND o.interval = n.interval
    AND o.open_time = n.open_time AND o.revision = n.revision - 1
WHERE n.interval = '1h' AND n.revision > 1 AND n.status = 'final'
    AND n.open_time > %(after)s AND n.open_time <= %(last)s
ORDER BY n.updated_at DESC LIMIT %(limit)s
"""

# What waits or failed comes first, however much was done since.
_REPAIRS = """
SELECT symbol, open_time, reason, requests, state, revision, detail, requested_at, done_at
FROM repair ORDER BY (state IN ('wanted', 'failed')) DESC, coalesce(done_at, requested_at) DESC
LIMIT %(limit)s
"""

_RUNS = """
SELECT id, started_at, finished_at, from_time, until_time, is_green, stores FROM reconcile_run
ORDER BY id DESC LIMIT %(limit)s
"""
_RESULTS = """
SELECT r.symbol, r.store, r.expected, r.equal, r.missing, r.different, r.surplus
FROM reconcile_result r LEFT JOIN symbol s ON s.symbol = r.symbol
WHERE r.run_id = %(run)s ORDER BY s.position, r.symbol, r.store LIMIT %(limit)s
"""
_DIFFERENCES = """
SELECT symbol, open_time, store, difference FROM reconcile_difference
WHERE run_id = %(run)s ORDER BY symbol, open_time, store LIMIT %(limit)s
"""

_HISTORY = """
SELECT h.symbol, h.source, sum(h.rows)::bigint AS rows, sum(h.rejected)::bigint AS rejected,
    max(h.loaded_at) AS loaded_at
FROM history_load h LEFT JOIN symbol s ON s.symbol = h.symbol
GROUP BY h.symbol, h.source, s.position ORDER BY s.position, h.symbol, h.source LIMIT %(limit)s
"""

_WANTED = "SELECT count(*)::int AS count, min(requested_at) AS since FROM repair WHERE state = 'wanted' LIMIT 1"


def verdicts(connection: Connection, after: datetime, last: datetime) -> list[VerdictRow]:
    """Return each symbol's closed hours after a time, up to the newest one, by verdict."""
    found = rows(connection, _VERDICTS, after=after, last=last, limit=MOST_SYMBOLS)
    return [VerdictRow(**row) for row in found]


def revisions(connection: Connection, after: datetime, last: datetime) -> list[RevisionRow]:
    """Return the hours of a window that changed after they were final, the latest change first."""
    found = rows(connection, _REVISIONS, after=after, last=last, limit=MOST_ROWS)
    return [RevisionRow(**row) for row in found]


def repairs(connection: Connection) -> list[RepairRow]:
    """Return hours that were asked to be rebuilt: those that wait or failed, then the latest."""
    return [RepairRow(**row) for row in rows(connection, _REPAIRS, limit=MOST_ROWS)]


def waiting_repairs(connection: Connection) -> tuple[int, datetime | None]:
    """Return how many hours wait to be rebuilt, and since when (wall time) the first does."""
    row = first(connection, _WANTED)
    assert row is not None
    return row["count"], row["since"]


def reconcile_runs(connection: Connection) -> list[ReconcileRun]:
    """Return the latest comparisons of the stores, the latest first."""
    found = rows(connection, _RUNS, limit=MOST_RUNS)
    return [ReconcileRun(**{**row, "stores": tuple(row["stores"])}) for row in found]


def reconcile_results(connection: Connection, run: int) -> list[ReconcileResult]:
    """Return what a comparison found, by symbol and store."""
    found = rows(connection, _RESULTS, run=run, limit=MOST_RESULTS)
    return [ReconcileResult(**row) for row in found]


def reconcile_differences(connection: Connection, run: int) -> list[ReconcileDifference]:
    """Return the first hours in which a comparison found a store to differ."""
    found = rows(connection, _DIFFERENCES, run=run, limit=MOST_ROWS)
    return [ReconcileDifference(**row) for row in found]


def history(connection: Connection) -> list[HistoryRow]:
    """Return what was loaded of each symbol's past, by source."""
    return [HistoryRow(**row) for row in rows(connection, _HISTORY, limit=MOST_RESULTS)]
