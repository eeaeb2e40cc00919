"""Scores: forecasts against what happened, per coin and window, and the running error.

The statistics are floats: what they are made of stays exact in the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api import cursors
from api.params import RunningScoreQuery, ScoreQuery
from api.queries.base import ALWAYS, FOREVER, Row, Stamped, rows, stamp_of, stamped

WINDOW_HOURS = {"24h": 24, "7d": 168, "30d": 720, "90d": 2160}

_NEWEST = """
SELECT open_time FROM candle WHERE interval = '1h' AND status = 'final' AND open_time < %(end)s
ORDER BY open_time DESC LIMIT 1
"""
_LONGEST = f"SELECT open_time - %(longest)s AS after, open_time AS last FROM ({_NEWEST}) AS newest"  # noqa: S608 - made of constants
_RANGE = f"""
SELECT %(first)s::timestamptz - interval '1 microsecond' AS after, max(open_time) AS last
FROM ({_NEWEST}) AS newest
"""  # noqa: S608 - made of constants

# A forecast counts as it was first made, whatever version was also asked later; with a version named
# there is one anyway. The range is put on both sides: Postgres does not carry it across the join.
_MADE = """
SELECT DISTINCT ON (symbol, target_open_time) symbol, target_open_time, model_version, last_close,
    q05, q25, q50, q75, q95, is_fallback, refusal_reason, written_at
FROM forecast, range
WHERE kind = %(kind)s AND target_open_time > range.after AND target_open_time <= range.last
    AND (%(symbol)s IS NULL OR symbol = %(symbol)s)
    AND (%(model_version)s IS NULL OR model_version = %(model_version)s)
ORDER BY symbol, target_open_time, written_at
"""
_CLOSED = """
SELECT DISTINCT ON (symbol, open_time) symbol, open_time, revision, close, verdict, updated_at
FROM candle, range
WHERE interval = '1h' AND status = 'final' AND open_time > range.after AND open_time <= range.last
    AND (%(symbol)s IS NULL OR symbol = %(symbol)s)
ORDER BY symbol, open_time, revision DESC
"""
_KEYS = f"""
WITH range AS ({{range}}), made AS ({_MADE}), closed AS ({_CLOSED})
SELECT symbol, target_open_time AS time, 0 AS revision, model_version, written_at FROM made
UNION ALL SELECT symbol, open_time, revision, '', updated_at FROM closed LIMIT %(most)s
"""  # noqa: S608 - made of constants

# An hour whose close is in doubt judges nobody. Equal decimals are equal floats, so that a tie stays one.
# `symbol` is null for all coins together, of which the stable ones are left out.
_HOURS = f"""
range AS ({{range}}), made AS ({_MADE}), closed AS ({_CLOSED}),
judged AS (
    SELECT m.symbol, m.target_open_time, m.refusal_reason IS NOT NULL AS is_refusal,
        m.refusal_reason IS NULL AND m.is_fallback AS is_fallback,
        m.refusal_reason IS NULL AND NOT m.is_fallback AND m.last_close > 0
            AND coalesce(c.verdict IN ('complete', 'quiet'), false) AS is_scored,
        c.close::float8 AS close, m.last_close::float8 AS last_close, m.q05::float8 AS q05,
        m.q25::float8 AS q25, m.q50::float8 AS q50, m.q75::float8 AS q75, m.q95::float8 AS q95
    FROM made m LEFT JOIN closed c ON c.symbol = m.symbol AND c.open_time = m.target_open_time
),
scored AS (
    SELECT symbol, target_open_time, is_refusal, is_fallback, is_scored,
        CASE WHEN is_scored THEN abs(close - q50) / last_close END AS error,
        CASE WHEN is_scored THEN abs(close - last_close) / last_close END AS naive_error,
        CASE WHEN is_scored THEN (sign(q50 - last_close) * sign(close - last_close) + 1) / 2 END
            AS hit,
        CASE WHEN is_scored THEN (close BETWEEN q05 AND q95)::int::float8 END AS in_90,
        CASE WHEN is_scored THEN (close BETWEEN q25 AND q75)::int::float8 END AS in_50
    FROM judged
),
wanted AS (
    SELECT * FROM scored WHERE %(with_each)s
    UNION ALL SELECT NULL, target_open_time, is_refusal, is_fallback, is_scored, error, naive_error,
        hit, in_90, in_50
    FROM scored WHERE %(with_all)s AND symbol <> ALL (%(stable)s)
),
hours AS (
    SELECT symbol, target_open_time, count(error)::int AS forecasts,
        count(*) FILTER (WHERE is_refusal)::int AS refusals,
        count(*) FILTER (WHERE is_fallback)::int AS fallbacks,
        count(*) FILTER (WHERE NOT (is_scored OR is_refusal OR is_fallback))::int AS unjudged,
        sum(error) AS error, sum(naive_error) AS naive_error, avg(naive_error - error) AS gain,
        sum(hit) AS hits, avg(hit) AS hit, sum(in_90) AS in_90s, avg(in_90) AS in_90,
        sum(in_50) AS in_50s, avg(in_50) AS in_50
    FROM wanted GROUP BY symbol, target_open_time
)
"""  # noqa: S608 - made of constants

_STANDARD_ERROR = "stddev_samp({name}) / sqrt(count({name}))"
_SCORES = f"""
WITH windows (name, place, length) AS (
    SELECT * FROM unnest(%(names)s, %(places)s, %(lengths)s)),
{_HOURS.format(range=_LONGEST)}
SELECT h.symbol, w.name AS window, last - w.length + interval '1 hour' AS window_from,
    last + interval '1 hour' AS window_until,
    sum(forecasts)::int AS forecasts, count(gain)::int AS hours, sum(refusals)::int AS refusals,
    sum(fallbacks)::int AS fallbacks, sum(unjudged)::int AS unjudged,
    sum(error) / nullif(sum(forecasts), 0) AS error,
    sum(naive_error) / nullif(sum(forecasts), 0) AS naive_error,
    sum(error) / nullif(sum(naive_error), 0) AS error_ratio,
    avg(gain) AS gain, {_STANDARD_ERROR.format(name="gain")} AS gain_standard_error,
    sum(hits) / nullif(sum(forecasts), 0) AS directional_accuracy,
    {_STANDARD_ERROR.format(name="hit")} AS directional_accuracy_standard_error,
    sum(in_90s) / nullif(sum(forecasts), 0) AS coverage_90,
    {_STANDARD_ERROR.format(name="in_90")} AS coverage_90_standard_error,
    sum(in_50s) / nullif(sum(forecasts), 0) AS coverage_50,
    {_STANDARD_ERROR.format(name="in_50")} AS coverage_50_standard_error
FROM hours h CROSS JOIN range JOIN windows w ON h.target_open_time > range.last - w.length
LEFT JOIN symbol s ON s.symbol = h.symbol
GROUP BY h.symbol, s.position, w.name, w.place, w.length, last
ORDER BY h.symbol IS NOT NULL, s.position, h.symbol, w.place LIMIT %(most)s
"""  # noqa: S608 - made of constants

_RUNNING = f"""
WITH {_HOURS.format(range=_RANGE)},
running AS (
    SELECT target_open_time, sum(forecasts) OVER up_to_here::int AS forecasts,
        sum(error) OVER up_to_here AS error, sum(naive_error) OVER up_to_here AS naive_error
    FROM hours WHERE forecasts > 0 WINDOW up_to_here AS (ORDER BY target_open_time)
)
SELECT target_open_time, forecasts, error / forecasts AS error,
    naive_error / forecasts AS naive_error, error / nullif(naive_error, 0) AS error_ratio
FROM running WHERE target_open_time > %(time)s ORDER BY target_open_time LIMIT %(rows)s
"""  # noqa: S608 - made of constants

MOST_KEYS = 2_000_000
"""Two candles and forecasts an hour of 100 coins over a year: more than the time limit lets through."""
MOST_SCORES = 20_000


class ScoreListQuery:
    """Scores per coin and window.

    Args:
        query: which scores.
        stable: coins that the figure of all coins leaves out.
    """

    def __init__(self, query: ScoreQuery, stable: Sequence[str]) -> None:
        names = list(dict.fromkeys(query.window))
        lengths = [timedelta(hours=WINDOW_HOURS[name]) for name in names]
        self._values = {
            "symbol": query.symbol,
            "model_version": query.model_version,
            "kind": query.kind,
            "end": query.until or FOREVER,
            "longest": max(lengths),
            "names": names,
            "places": list(range(len(names))),
            "lengths": lengths,
            "stable": list(stable),
            "with_each": True,
            "with_all": query.symbol is None,
            "most": MOST_KEYS,
        }

    def stamped(self, connection: Connection) -> Stamped:
        """Return source and stamp of the list."""
        return stamped(connection, stamp_of(_KEYS.format(range=_LONGEST)), self._values)

    def rows(self, connection: Connection) -> tuple[list[Row], None]:
        """Return the documents, all coins together first."""
        return rows(connection, _SCORES, self._values | {"most": MOST_SCORES}), None


class RunningScorePageQuery:
    """One page of the running error.

    Args:
        query: which one.
        stable: coins that the figure of all coins leaves out.

    Raises:
        api.cursors.CursorError: if the query's cursor is none of this list.
    """

    def __init__(self, query: RunningScoreQuery, stable: Sequence[str]) -> None:
        self._limit = query.limit
        self._values: dict[str, Any] = {
            "symbol": query.symbol,
            "model_version": query.model_version,
            "kind": query.kind,
            "first": query.from_time,
            "end": query.until or FOREVER,
            "stable": list(stable),
            "with_each": query.symbol is not None,
            "with_all": query.symbol is None,
            "time": ALWAYS,
            "most": MOST_KEYS,
            "rows": query.limit + 1,
        }
        if query.cursor is not None:
            (self._values["time"],) = cursors.decode(query.cursor, (datetime,))

    def stamped(self, connection: Connection) -> Stamped:
        """Return source and stamp of the whole range: a page holds sums from its start."""
        return stamped(connection, stamp_of(_KEYS.format(range=_RANGE)), self._values)

    def rows(self, connection: Connection) -> tuple[list[Row], str | None]:
        """Return the page's documents and the cursor of the next page, None on the last one."""
        found = rows(connection, _RUNNING, self._values)
        if len(found) <= self._limit:
            return found, None
        return found[: self._limit], cursors.encode([found[self._limit - 1]["target_open_time"]])
