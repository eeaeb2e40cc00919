"""One coin's hours, or bars of several hours, and the forecasts that were made for them."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.intervals import Interval
from streamlit_app.queries.base import first, rows
from streamlit_app.queries.overview import CANDLE, FORECAST
from streamlit_app.records.market import BarRow, BarScore, CandleRow, ForecastRow

MOST_ROWS = 5_000
"""Bars of one chart: more than `intervals.MOST_BARS` and the bars before them that indicators need."""

_ENDS = """
SELECT (SELECT open_time FROM candle WHERE symbol = %(symbol)s AND interval = '1h'
        ORDER BY open_time LIMIT 1) AS oldest,
    (SELECT open_time FROM candle WHERE symbol = %(symbol)s AND interval = '1h'
     ORDER BY open_time DESC LIMIT 1) AS newest
LIMIT 1
"""

# The highest revision of an hour is the last one before the next hour begins: the primary key's order
# gives that without a sort.
_CURRENT = """
SELECT * FROM (
    SELECT *, lead(open_time) OVER (ORDER BY open_time, revision) AS next FROM candle
    WHERE symbol = %(symbol)s AND interval = '1h'
        AND open_time >= %(since)s AND open_time < %(until)s
) AS revisions WHERE next IS DISTINCT FROM open_time
"""
_HOURS = f"""
SELECT open_time, open, high, low, close, volume, quote_volume, trades, 1 AS hours, 1 AS expected,
    status = 'provisional' AS is_running, (coalesce(verdict, '') = 'quiet')::int AS quiet,
    (coalesce(verdict, '') = 'partial')::int AS partial,
    (coalesce(verdict, '') = 'disputed')::int AS disputed, (revision > 1)::int AS revised,
    (coalesce(verdict, '') = 'history')::int AS history, revision, reason
FROM ({_CURRENT}) AS hours ORDER BY open_time LIMIT %(limit)s
"""  # noqa: S608 - made of constants

# Unknown is not zero: a sum is null where an hour lacks its figure.
_BARS = f"""
SELECT date_bin(%(step)s, open_time, %(origin)s) AS open_time,
    (array_agg(open ORDER BY open_time) FILTER (WHERE open IS NOT NULL))[1] AS open,
    max(high) AS high, min(low) AS low,
    (array_agg(close ORDER BY open_time DESC) FILTER (WHERE close IS NOT NULL))[1] AS close,
    CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume,
    CASE WHEN count(quote_volume) = count(*) THEN sum(quote_volume) END AS quote_volume,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    count(*)::int AS hours, %(expected)s AS expected,
    bool_or(status = 'provisional') AS is_running,
    (count(*) FILTER (WHERE verdict = 'quiet'))::int AS quiet,
    (count(*) FILTER (WHERE verdict = 'partial'))::int AS partial,
    (count(*) FILTER (WHERE verdict = 'disputed'))::int AS disputed,
    (count(*) FILTER (WHERE revision > 1))::int AS revised,
    (count(*) FILTER (WHERE verdict = 'history'))::int AS history, max(revision) AS revision,
    (array_agg(reason ORDER BY open_time) FILTER (WHERE reason IS NOT NULL))[1] AS reason
FROM ({_CURRENT}) AS hours GROUP BY 1 ORDER BY 1 LIMIT %(limit)s
"""  # noqa: S608 - made of constants

_NEWEST_HOUR = f"""
SELECT {CANDLE} FROM candle WHERE symbol = %(symbol)s AND interval = '1h'
ORDER BY open_time DESC, revision DESC LIMIT 1
"""  # noqa: S608 - made of constants
_NEWEST_FINAL_HOUR = f"""
SELECT {CANDLE} FROM candle WHERE symbol = %(symbol)s AND interval = '1h' AND status = 'final'
ORDER BY open_time DESC, revision DESC LIMIT 1
"""  # noqa: S608 - made of constants

_FORECASTS = f"""
SELECT DISTINCT ON (target_open_time) {FORECAST} FROM forecast
WHERE symbol = %(symbol)s AND kind = 'live'
    AND target_open_time >= %(since)s AND target_open_time < %(until)s
ORDER BY target_open_time, written_at LIMIT %(limit)s
"""  # noqa: S608 - made of constants
_NEWEST_FORECAST = f"""
SELECT {FORECAST} FROM forecast WHERE symbol = %(symbol)s AND kind = 'live'
ORDER BY target_open_time DESC, written_at LIMIT 1
"""  # noqa: S608 - made of constants

_SCORES = """
SELECT date_bin(%(step)s, target_open_time, %(origin)s) AS open_time, count(*)::int AS forecasts,
    (count(*) FILTER (WHERE in_band_50))::int AS inside_50,
    (count(*) FILTER (WHERE in_band_90))::int AS inside_90
FROM forecast_score_current
WHERE symbol = %(symbol)s AND kind = 'live'
    AND target_open_time >= %(since)s AND target_open_time < %(until)s
GROUP BY 1 ORDER BY 1 LIMIT %(limit)s
"""


def ends(connection: Connection, symbol: str) -> tuple[datetime, datetime] | None:
    """Return the open times of a symbol's oldest and newest hour, None without any."""
    row = first(connection, _ENDS, symbol=symbol)
    if row is None or row["oldest"] is None:
        return None
    return row["oldest"], row["newest"]


def newest_hours(connection: Connection, symbol: str) -> tuple[CandleRow, CandleRow | None]:
    """Return a symbol's newest hour and its newest final one; it must have an hour.

    Raises:
        LookupError: if it has none.
    """
    newest = first(connection, _NEWEST_HOUR, symbol=symbol)
    if newest is None:
        message = f"no hour of {symbol}"
        raise LookupError(message)
    final = first(connection, _NEWEST_FINAL_HOUR, symbol=symbol)
    return CandleRow(**newest), CandleRow(**final) if final else None


def bars(
    connection: Connection, symbol: str, interval: Interval, since: datetime, until: datetime
) -> list[BarRow]:
    """Return a symbol's bars, oldest first; a bar of which no hour is there is not among them.

    Args:
        connection: to the namespace's schema.
        symbol: which.
        interval: of a bar.
        since: beginning of the first bar.
        until: end of the last one.
    """
    values = {"symbol": symbol, "since": since, "until": until, "limit": MOST_ROWS}
    if interval.hours == 1:
        return [BarRow(**row) for row in rows(connection, _HOURS, **values)]
    found = rows(
        connection,
        _BARS,
        **values,
        step=interval.step,
        origin=interval.origin,
        expected=interval.hours,
    )
    return [BarRow(**row) for row in found]


def forecasts(
    connection: Connection, symbol: str, since: datetime, until: datetime
) -> list[ForecastRow]:
    """Return a symbol's live forecasts as they were first made, by target hour."""
    values = {"symbol": symbol, "since": since, "until": until, "limit": MOST_ROWS}
    return [ForecastRow(**row) for row in rows(connection, _FORECASTS, **values)]


def newest_forecast(connection: Connection, symbol: str) -> ForecastRow | None:
    """Return a symbol's newest live forecast or refusal."""
    row = first(connection, _NEWEST_FORECAST, symbol=symbol)
    return None if row is None else ForecastRow(**row)


def bar_scores(
    connection: Connection, symbol: str, interval: Interval, since: datetime, until: datetime
) -> list[BarScore]:
    """Return how the scored live forecasts of each bar did."""
    found = rows(
        connection,
        _SCORES,
        symbol=symbol,
        since=since,
        until=until,
        limit=MOST_ROWS,
        step=interval.step,
        origin=interval.origin,
    )
    return [BarScore(**row) for row in found]
