"""The daily analysis: what the newest run of Spark wrote."""

from __future__ import annotations

from datetime import date

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.queries.base import MOST_SYMBOLS, first, rows
from streamlit_app.records.analysis import (
    AggregateRow,
    AnalysisRun,
    CorrelationRow,
    PatternRow,
    RebasedRow,
    VolatilityRow,
)

MOST_DAYS = 5_000
MOST_REBASED = 8_000
"""Of all coins together: more days are thinned before they come here."""

_RUN = """
SELECT started_at, finished_at, until_time, cardinality(symbols) AS symbols, hours, changed
FROM analysis_run ORDER BY id DESC LIMIT 1
"""

_PERIODS = """
SELECT symbol, {period} AS begin, open, high, low, close, volume, quote_volume, hours, absent,
    simple_return, realised_volatility
FROM analysis_{period} WHERE symbol = %(symbol)s AND {period} >= %(since)s
ORDER BY {period} LIMIT %(limit)s
"""
_DAYS, _WEEKS = _PERIODS.format(period="day"), _PERIODS.format(period="week")

_VOLATILITY = """
SELECT day, volatility_24h, volatility_7d, volatility_30d FROM analysis_volatility
WHERE symbol = %(symbol)s AND day >= %(since)s ORDER BY day LIMIT %(limit)s
"""

# Of a long range every n-th day is drawn, and always the last one.
_REBASED = """
SELECT symbol, day, base_day, rebased FROM analysis_rebased(%(since)s, %(until)s)
WHERE symbol = ANY(%(symbols)s) AND (%(until)s - day) %% %(every)s = 0
ORDER BY symbol, day LIMIT %(limit)s
"""

_MATRIX = """
SELECT c.symbol, c.other, c.day, c.returns, c.correlation FROM analysis_correlation_matrix c
LEFT JOIN symbol a ON a.symbol = c.symbol LEFT JOIN symbol b ON b.symbol = c.other
WHERE c.span = %(span)s ORDER BY a.position, c.symbol, b.position, c.other LIMIT %(limit)s
"""

_PATTERN = """
SELECT hour, returns, mean_abs_return, mean_relative_volume FROM analysis_hour_of_day
WHERE symbol = %(symbol)s ORDER BY hour LIMIT 24
"""


def newest_run(connection: Connection) -> AnalysisRun | None:
    """Return the newest run, None before the first one."""
    row = first(connection, _RUN)
    return None if row is None else AnalysisRun(**row)


def aggregates(
    connection: Connection, symbol: str, since: date, weekly: bool
) -> list[AggregateRow]:
    """Return a symbol's days, or weeks, from a date on, oldest first."""
    statement = _WEEKS if weekly else _DAYS
    found = rows(connection, statement, symbol=symbol, since=since, limit=MOST_DAYS)
    return [AggregateRow(**row) for row in found]


def volatility(connection: Connection, symbol: str, since: date) -> list[VolatilityRow]:
    """Return a symbol's rolling volatility from a date on, oldest first."""
    found = rows(connection, _VOLATILITY, symbol=symbol, since=since, limit=MOST_DAYS)
    return [VolatilityRow(**row) for row in found]


def rebased(
    connection: Connection, symbols: list[str], since: date, until: date, every: int = 1
) -> list[RebasedRow]:
    """Return closes over each symbol's own first one, every so many days and on the last one."""
    found = rows(
        connection,
        _REBASED,
        symbols=symbols,
        since=since,
        until=until,
        every=every,
        limit=MOST_REBASED,
    )
    return [RebasedRow(**row) for row in found]


def correlations(connection: Connection, span: str) -> list[CorrelationRow]:
    """Return the newest correlations of all pairs, both ways; `span` is 30d or whole."""
    found = rows(connection, _MATRIX, span=span, limit=MOST_SYMBOLS**2)
    return [CorrelationRow(**row) for row in found]


def pattern(connection: Connection, symbol: str) -> list[PatternRow]:
    """Return a symbol's hours of the day (UTC) that there are."""
    return [PatternRow(**row) for row in rows(connection, _PATTERN, symbol=symbol)]
