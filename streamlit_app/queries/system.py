"""Jobs, feeds, stores, the newest rows."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.queries.base import MOST_SYMBOLS, first, rows
from streamlit_app.records.system import (
    CommitRow,
    DatabaseRow,
    FeedRow,
    Freshness,
    JobRow,
    RecentForecasts,
)

MOST_JOBS = 50

_JOBS = "SELECT job, state, detail, updated_at FROM job_status ORDER BY job LIMIT %(limit)s"

_FEED = """
SELECT symbol, f.producer, f.state, f.last_trade_id, f.last_trade_time, f.lag_ms,
       f.connected_since, f.held, f.updated_at
FROM symbol s FULL JOIN feed_status f USING (symbol)
ORDER BY s.position, symbol LIMIT %(limit)s
"""

_FRESHNESS = """
SELECT s.symbol, c.open_time AS candle_open_time, c.updated_at AS candle_updated_at,
       f.target_open_time AS forecast_target, f.written_at AS forecast_written_at
FROM (SELECT symbol, position FROM symbol ORDER BY position LIMIT %(limit)s) AS s
LEFT JOIN LATERAL (SELECT open_time, updated_at FROM candle WHERE symbol = s.symbol
    AND interval = '1h' ORDER BY open_time DESC, revision DESC LIMIT 1) AS c ON true
LEFT JOIN LATERAL (SELECT target_open_time, written_at FROM forecast WHERE symbol = s.symbol
    AND kind = 'live' ORDER BY target_open_time DESC, written_at LIMIT 1) AS f ON true
ORDER BY s.position
"""

# A new checkpoint leaves the rows of the former ones behind.
_COMMITS = """
SELECT DISTINCT ON (query) query, checkpoint, batch_id, updated_at FROM sink_commit
ORDER BY query, updated_at DESC LIMIT %(limit)s
"""

_DATABASE = """
SELECT current_setting('server_version') AS version,
    (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r') AS size_bytes
LIMIT 1
"""

_RECENT_FORECASTS = """
SELECT target_open_time, model_version, issued_at, forecasts, refusals, scoring_ms
FROM forecast_run WHERE kind = 'live' ORDER BY target_open_time DESC LIMIT 1
"""


def jobs(connection: Connection) -> list[JobRow]:
    """Return the state of each job."""
    return [JobRow(**row) for row in rows(connection, _JOBS, limit=MOST_JOBS)]


def feed(connection: Connection) -> list[FeedRow]:
    """Return how the feed of each followed symbol is doing, then of others that were reported."""
    return [FeedRow(**row) for row in rows(connection, _FEED, limit=MOST_SYMBOLS)]


def freshness(connection: Connection) -> list[Freshness]:
    """Return each symbol's newest candle and forecast."""
    return [Freshness(**row) for row in rows(connection, _FRESHNESS, limit=MOST_SYMBOLS)]


def commits(connection: Connection) -> list[CommitRow]:
    """Return the newest commit of each query."""
    return [CommitRow(**row) for row in rows(connection, _COMMITS, limit=MOST_JOBS)]


def database(connection: Connection) -> DatabaseRow:
    """Return what the database says of itself."""
    row = first(connection, _DATABASE)
    assert row is not None
    return DatabaseRow(**row)


def recent_forecasts(connection: Connection) -> RecentForecasts | None:
    """Return the newest hour's forecast run."""
    row = first(connection, _RECENT_FORECASTS)
    return None if row is None else RecentForecasts(**row)
