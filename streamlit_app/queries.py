"""Every SQL statement of the dashboard: parametrised, bounded by rows and time, read only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import RealDictCursor

from conf.contracts.incidents import ALARMS
from conf.exchange_time import Sighting
from streamlit_app.records import (
    CandleRow,
    CoinNow,
    FeedRow,
    ForecastRow,
    Freshness,
    IncidentRow,
    JobRow,
    ModelRow,
    RunInfo,
    RunState,
    SymbolInfo,
)

MAX_SYMBOLS = 100
MAX_CANDLES = 2400  # 100 days of one symbol, more than any range offered
MAX_SCORES = 40_000
MAX_INCIDENTS = 50
MAX_ALARMS = 20
MAX_SIGHTINGS = 2000
STRIP_HOURS = 24

_CANDLE = (
    "symbol, open_time, revision, open, high, low, close, volume, trades, status, verdict, reason, "
    "source, updated_at"
)
_FORECAST = (
    "symbol, target_open_time, model_version, issued_at, last_close, q05, q25, q50, q75, q95, "
    "is_fallback, refusal_reason, written_at"
)

# Only the newest hours are looked at: history, however long, costs nothing here.
_RUN_STATE = """
WITH newest AS (SELECT max(open_time) AS open_time FROM candle WHERE interval = '1h')
SELECT clock_timestamp() AS wall_now,
       (SELECT to_jsonb(r) FROM run_info r) AS info,
       (SELECT started_at FROM run_info) AS started_at,
       (SELECT max(updated_at) FROM candle WHERE interval = '1h'
           AND open_time >= newest.open_time - interval '1 hour') AS newest_update,
       newest.open_time AS newest_open_time
FROM newest LIMIT 1
"""

# Each sighting is (exchange time, wall time): a producer's report, an hour closed, a forecast made. Every coin
# of the last hours is one, since the promptest row tells the time best.
_SIGHTINGS = """
WITH newest AS (SELECT max(open_time) AS open_time FROM candle WHERE interval = '1h')
SELECT exchange_time AS exchange, updated_at AS wall FROM feed_status
WHERE exchange_time IS NOT NULL
UNION ALL
SELECT open_time + interval '1 hour', updated_at FROM candle
WHERE interval = '1h' AND open_time >= (SELECT open_time FROM newest) - interval '4 hours'
    AND status = 'final' AND source = 'trades' AND revision = 1
UNION ALL
SELECT issued_at, written_at FROM forecast
WHERE target_open_time >= (SELECT open_time FROM newest) - interval '4 hours' AND kind = 'live'
LIMIT %(limit)s
"""

_SYMBOLS = """
SELECT symbol, base_asset, status, tick_size FROM symbol ORDER BY position LIMIT %(limit)s
"""

_NEWEST_CANDLES = f"""
SELECT c.* FROM (SELECT symbol FROM symbol ORDER BY position LIMIT %(limit)s) AS s
CROSS JOIN LATERAL (SELECT {_CANDLE} FROM candle
    WHERE symbol = s.symbol AND interval = '1h' {{condition}}
    ORDER BY open_time DESC, revision DESC LIMIT 1) AS c
"""  # noqa: S608 - made of constants

_NEWEST_FORECASTS = f"""
SELECT f.* FROM (SELECT symbol FROM symbol ORDER BY position LIMIT %(limit)s) AS s
CROSS JOIN LATERAL (SELECT {_FORECAST} FROM forecast
    WHERE symbol = s.symbol AND kind = 'live'
    ORDER BY target_open_time DESC, written_at LIMIT 1) AS f
"""  # noqa: S608 - made of constants

_STRIP = f"""
SELECT {_CANDLE} FROM candle_current
WHERE interval = '1h' AND open_time > %(after)s AND open_time <= %(until)s AND status = 'final'
ORDER BY open_time LIMIT %(limit)s
"""  # noqa: S608 - made of constants

_CANDLES = f"""
SELECT {_CANDLE} FROM candle_current
WHERE symbol = %(symbol)s AND interval = '1h' AND open_time >= %(since)s
ORDER BY open_time LIMIT %(limit)s
"""  # noqa: S608 - made of constants

# A forecast counts as it was first made, whatever version was also asked later.
_FORECASTS = f"""
SELECT DISTINCT ON (target_open_time) {_FORECAST} FROM forecast
WHERE symbol = %(symbol)s AND kind = 'live' AND target_open_time >= %(since)s
ORDER BY target_open_time, written_at LIMIT %(limit)s
"""  # noqa: S608 - made of constants

_SCORES = """
SELECT symbol, target_open_time, model_version, verdict, is_fallback, in_band_90,
       last_close::float8 AS last_close, abs_error::float8 AS abs_error,
       naive_abs_error::float8 AS naive_abs_error
FROM forecast_score_current
WHERE kind = 'live' AND target_open_time >= %(since)s
ORDER BY target_open_time, symbol LIMIT %(limit)s
"""

_MODELS = """
SELECT m.version, m.status, m.created_at, m.trained_from, m.trained_until, m.train_rows,
       m.val_pinball, m.ewma_pinball, m.val_rmae, m.fit_seconds,
       count(r.target_open_time) AS hours_served, max(r.target_open_time) AS last_served
FROM (SELECT * FROM model_version ORDER BY created_at DESC LIMIT %(limit)s) AS m
LEFT JOIN forecast_run r ON r.model_version = m.version AND r.kind = 'live'
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
ORDER BY last_served DESC NULLS LAST, m.created_at DESC
"""

_JOBS = "SELECT job, state, detail, updated_at FROM job_status ORDER BY job LIMIT %(limit)s"

# The newest ones, and the newest alarms too, however much went its usual way since.
_INCIDENTS = """
SELECT kind, producer, symbol, first_id, last_id, started_at, duration_ms, detail FROM (
    (SELECT * FROM incident ORDER BY id DESC LIMIT %(limit)s)
    UNION
    (SELECT * FROM incident WHERE kind = ANY(%(alarms)s) ORDER BY id DESC LIMIT %(alarm_limit)s)
) AS shown ORDER BY id DESC
"""

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


def _rows(connection: Connection, statement: str, **values: Any) -> list[dict[str, Any]]:
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(statement, values)
        return [dict(row) for row in cursor.fetchall()]


def run_state(connection: Connection) -> RunState:
    """Return where the prices come from and what is known of the exchange's time."""
    row = _rows(connection, _RUN_STATE)[0]
    return run_state_of(row, _rows(connection, _SIGHTINGS, limit=MAX_SIGHTINGS))


def run_state_of(row: Mapping[str, Any], sightings: Sequence[Mapping[str, Any]]) -> RunState:
    """Return the run's state from its rows. Pure."""
    info = None
    if row["info"]:
        fields = row["info"]
        info = RunInfo(
            namespace=fields["namespace"],
            venue=fields["venue"],
            source_label=fields["source_label"],
            speed=float(fields["speed"]),
            started_at=row["started_at"],
        )
    return RunState(
        info=info,
        wall_now=row["wall_now"],
        newest_open_time=row["newest_open_time"],
        newest_update=row["newest_update"],
        sightings=tuple(Sighting(**pair) for pair in sightings),
    )


def symbols(connection: Connection) -> list[SymbolInfo]:
    """Return the followed symbols in their order."""
    return [SymbolInfo(**row) for row in _rows(connection, _SYMBOLS, limit=MAX_SYMBOLS)]


def overview(connection: Connection) -> list[CoinNow]:
    """Return each symbol's newest hour, last close, newest forecast and last hours."""
    newest = _by_symbol(connection, _NEWEST_CANDLES.format(condition=""), CandleRow)
    final = _by_symbol(
        connection, _NEWEST_CANDLES.format(condition="AND status = 'final'"), CandleRow
    )
    forecasts = _by_symbol(connection, _NEWEST_FORECASTS, ForecastRow)
    strips: dict[str, list[CandleRow]] = {}
    until = strip_end(list(final.values()))
    if until is not None:
        limit = MAX_SYMBOLS * STRIP_HOURS
        after = until - timedelta(hours=STRIP_HOURS)
        for row in _rows(connection, _STRIP, after=after, until=until, limit=limit):
            strips.setdefault(row["symbol"], []).append(CandleRow(**row))
    return [
        CoinNow(
            info=info,
            newest=newest.get(info.symbol),
            last_final=final.get(info.symbol),
            forecast=forecasts.get(info.symbol),
            strip=tuple(strips.get(info.symbol, ())),
        )
        for info in symbols(connection)
    ]


def strip_end(finals: Sequence[CandleRow]) -> datetime | None:
    """Return the newest final hour of any symbol: where all strips end. Pure."""
    return max((row.open_time for row in finals), default=None)


def _by_symbol(connection: Connection, statement: str, record: type[Any]) -> dict[str, Any]:
    rows = _rows(connection, statement, limit=MAX_SYMBOLS)
    return {row["symbol"]: record(**row) for row in rows}


def newest_open_time(connection: Connection, symbol: str) -> datetime | None:
    """Return the open time of a symbol's newest hour, running or final."""
    rows = _rows(
        connection,
        "SELECT max(open_time) AS newest FROM candle WHERE symbol = %(symbol)s AND interval = '1h'",
        symbol=symbol,
    )
    newest: datetime | None = rows[0]["newest"]
    return newest


def newest_final(connection: Connection) -> datetime | None:
    """Return the open time of the newest final hour of any symbol."""
    rows = _rows(
        connection,
        "SELECT open_time AS newest FROM candle WHERE interval = '1h' AND status = 'final' "
        "ORDER BY open_time DESC LIMIT 1",
    )
    newest: datetime | None = rows[0]["newest"] if rows else None
    return newest


def candles(connection: Connection, symbol: str, since: datetime) -> list[CandleRow]:
    """Return the current revision of a symbol's hours from `since`, oldest first."""
    rows = _rows(connection, _CANDLES, symbol=symbol, since=since, limit=MAX_CANDLES)
    return [CandleRow(**row) for row in rows]


def forecasts(connection: Connection, symbol: str, since: datetime) -> list[ForecastRow]:
    """Return a symbol's live forecasts as they were first made, for target hours from `since`."""
    rows = _rows(connection, _FORECASTS, symbol=symbol, since=since, limit=MAX_CANDLES)
    return [ForecastRow(**row) for row in rows]


def scores(connection: Connection, since: datetime) -> pd.DataFrame:
    """Return one row per scored live forecast since a time; prices are floats, for statistics."""
    columns = (
        "symbol",
        "target_open_time",
        "model_version",
        "verdict",
        "is_fallback",
        "in_band_90",
        "last_close",
        "abs_error",
        "naive_abs_error",
    )
    return pd.DataFrame(
        _rows(connection, _SCORES, since=since, limit=MAX_SCORES), columns=list(columns)
    )


def models(connection: Connection) -> list[ModelRow]:
    """Return the newest model versions, the one that served last first."""
    return [ModelRow(**row) for row in _rows(connection, _MODELS, limit=20)]


def jobs(connection: Connection) -> list[JobRow]:
    """Return the state of each job."""
    return [JobRow(**row) for row in _rows(connection, _JOBS, limit=50)]


def incidents(connection: Connection) -> list[IncidentRow]:
    """Return the newest incidents and the newest alarms, newest first."""
    rows = _rows(
        connection,
        _INCIDENTS,
        limit=MAX_INCIDENTS,
        alarms=[kind.value for kind in ALARMS],
        alarm_limit=MAX_ALARMS,
    )
    return [IncidentRow(**row) for row in rows]


def feed(connection: Connection) -> list[FeedRow]:
    """Return how the feed of each followed symbol is doing, then of others that were reported."""
    return [FeedRow(**row) for row in _rows(connection, _FEED, limit=MAX_SYMBOLS)]


def freshness(connection: Connection) -> list[Freshness]:
    """Return each symbol's newest candle and forecast."""
    return [Freshness(**row) for row in _rows(connection, _FRESHNESS, limit=MAX_SYMBOLS)]
