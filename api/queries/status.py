"""The state of the system now: feeds, jobs, freshness, and what tells the exchange's time."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.queries.base import Row, required, rows
from api.queries.symbols import MOST_SYMBOLS

MOST_JOBS = 200
MOST_SIGHTINGS = 20_000
LOOK_BACK_HOURS = 4
"""Of exchange time: at a speed of 180 a run that still runs has closed an hour in the last 20 s."""

_RUN = """
SELECT namespace, venue, source_label, speed, started_at, clock_timestamp() AS wall_time
FROM run_info LIMIT 1
"""

# What was so on the exchange, and when it was written: a report of a producer, a closed hour, a forecast.
_SIGHTINGS = """
WITH newest AS (SELECT max(open_time) - %(look_back)s * interval '1 hour' AS since
    FROM candle WHERE interval = '1h')
SELECT exchange_time AS exchange, updated_at AS wall FROM feed_status
    WHERE exchange_time IS NOT NULL
UNION ALL SELECT open_time + interval '1 hour', updated_at FROM candle
    WHERE interval = '1h' AND open_time >= (SELECT since FROM newest)
        AND status = 'final' AND source = 'trades' AND revision = 1
UNION ALL SELECT issued_at, written_at FROM forecast
    WHERE target_open_time >= (SELECT since FROM newest) AND kind = 'live'
LIMIT %(most)s
"""

_FEEDS = """
SELECT symbol, f.state, f.producer, f.last_trade_id, f.last_trade_time, f.lag_ms, f.held,
    f.connected_since, f.updated_at AS reported_at, c.open_time AS newest_candle,
    c.updated_at AS newest_candle_updated_at, m.target_open_time AS newest_forecast,
    m.written_at AS newest_forecast_written_at
FROM symbol s FULL JOIN feed_status f USING (symbol)
LEFT JOIN LATERAL (SELECT open_time, updated_at FROM candle WHERE candle.symbol = s.symbol
    AND interval = '1h' ORDER BY open_time DESC, revision DESC LIMIT 1) AS c ON true
LEFT JOIN LATERAL (SELECT target_open_time, written_at FROM forecast
    WHERE forecast.symbol = s.symbol AND kind = 'live'
    ORDER BY target_open_time DESC, written_at LIMIT 1) AS m ON true
ORDER BY s.position, symbol LIMIT %(most)s
"""

_JOBS = "SELECT job, state, detail, updated_at FROM job_status ORDER BY job LIMIT %(most)s"


def run(connection: Connection) -> Row:
    """Return the run's source, its start and Postgres' time.

    Raises:
        StoreNotReadyError: if the run has not been prepared yet.
    """
    return required(rows(connection, _RUN))


def sightings(connection: Connection) -> list[Row]:
    """Return pairs of exchange time and wall time, as the wire's texts."""
    values = {"look_back": LOOK_BACK_HOURS, "most": MOST_SIGHTINGS}
    return rows(connection, _SIGHTINGS, values)


def feeds(connection: Connection) -> list[Row]:
    """Return how each followed symbol is doing, then others that somebody reports."""
    return rows(connection, _FEEDS, {"most": MOST_SYMBOLS})


def jobs(connection: Connection) -> list[Row]:
    """Return the last report of each query and job."""
    return rows(connection, _JOBS, {"most": MOST_JOBS})
