"""How good the live forecasts were, from the scores of the ledger. Statistics are floats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.queries.base import MOST_SYMBOLS, rows
from streamlit_app.records.forecasts import HourScore, ScoreRow

MOST_HOURS = 9_000
"""A year of one line of the running error."""

# A forecast counts as it was first made, whatever version was also asked later. An hour whose close is
# in doubt judges nobody. A tie of the direction is half a hit. The range stands on both sides, since
# Postgres does not carry it across the join.
_JUDGED = """
made AS (
    SELECT DISTINCT ON (symbol, target_open_time) symbol, target_open_time, model_version, q50,
        refusal_reason IS NOT NULL AS is_refusal, is_fallback
    FROM forecast
    WHERE kind = 'live' AND target_open_time > %(after)s AND target_open_time <= %(last)s
    ORDER BY symbol, target_open_time, written_at
),
scored AS (
    SELECT * FROM forecast_score_current
    WHERE kind = 'live' AND target_open_time > %(after)s AND target_open_time <= %(last)s
),
paired AS (
    SELECT m.symbol, m.target_open_time, m.is_refusal, m.q50, s.last_close, s.actual_close,
        NOT m.is_refusal AND m.is_fallback AS is_fallback, s.in_band_90, s.in_band_50, s.pinball,
        s.naive_pinball, s.abs_error::float8 / nullif(s.last_close::float8, 0) AS error,
        s.naive_abs_error::float8 / nullif(s.last_close::float8, 0) AS naive_error,
        coalesce(s.verdict IN ('complete', 'quiet') AND NOT m.is_fallback AND s.last_close > 0, false)
            AS counts
    FROM made m LEFT JOIN scored s USING (symbol, target_open_time, model_version)
),
judged AS (
    SELECT symbol, target_open_time, counts::int AS counts, is_refusal::int AS refusal,
        is_fallback::int AS fallback, (NOT (counts OR is_refusal OR is_fallback))::int AS unjudged,
        CASE WHEN counts THEN error END AS error,
        CASE WHEN counts THEN naive_error END AS naive_error,
        CASE WHEN counts THEN ((sign(q50 - last_close) * sign(actual_close - last_close) + 1) / 2)::float8
            END AS hit,
        CASE WHEN counts THEN in_band_90::int END AS in_90,
        CASE WHEN counts THEN in_band_50::int END AS in_50,
        CASE WHEN counts THEN pinball END AS pinball,
        CASE WHEN counts THEN naive_pinball END AS naive_pinball
    FROM paired
)
"""
# One row per hour of each coin, and one per hour of all but the stable ones together, without a name.
_BY_HOUR = """
hours AS (
    SELECT symbol, target_open_time, counts AS forecasts, refusal AS refusals, fallback AS fallbacks,
        unjudged, error, naive_error, naive_error - error AS gain, hit AS hits, hit, in_90 AS in_90s,
        in_90, in_50 AS in_50s, in_50, pinball, naive_pinball, (pinball IS NOT NULL)::int AS pinballs
    FROM judged
    UNION ALL
    SELECT NULL, target_open_time, sum(counts), sum(refusal), sum(fallback), sum(unjudged),
        sum(error), sum(naive_error), avg(naive_error - error), sum(hit), avg(hit), sum(in_90),
        avg(in_90), sum(in_50), avg(in_50), sum(pinball), sum(naive_pinball), count(pinball)
    FROM judged WHERE symbol <> ALL (%(stable)s) GROUP BY target_open_time
)
"""

# The standard error of a mean over hours: each hour is one witness, however many coins it has.
_SE = "(stddev_samp({name}) / sqrt(count({name})))::float8"
_SCORES = f"""
WITH {_JUDGED}, {_BY_HOUR}
SELECT h.symbol, sum(forecasts)::int AS forecasts, count(gain)::int AS hours,
    sum(refusals)::int AS refusals, sum(fallbacks)::int AS fallbacks, sum(unjudged)::int AS unjudged,
    sum(error) / nullif(sum(forecasts), 0) AS error,
    sum(naive_error) / nullif(sum(forecasts), 0) AS naive_error,
    avg(gain) AS gain, {_SE.format(name="gain")} AS gain_se,
    sum(hits) / nullif(sum(forecasts), 0) AS direction, {_SE.format(name="hit")} AS direction_se,
    (sum(in_90s) / nullif(sum(forecasts), 0))::float8 AS coverage_90,
    {_SE.format(name="in_90")} AS coverage_90_se,
    (sum(in_50s) / nullif(sum(forecasts), 0))::float8 AS coverage_50,
    {_SE.format(name="in_50")} AS coverage_50_se,
    sum(pinball) / nullif(sum(pinballs), 0)::float8 AS pinball,
    sum(naive_pinball) / nullif(sum(pinballs), 0)::float8 AS naive_pinball
FROM hours h LEFT JOIN symbol s ON s.symbol = h.symbol
GROUP BY h.symbol, s.position ORDER BY h.symbol IS NOT NULL, s.position, h.symbol LIMIT %(limit)s
"""  # noqa: S608 - made of constants

_HOURS = f"""
WITH {_JUDGED}
SELECT target_open_time, sum(counts)::int AS forecasts, sum(error) AS error,
    sum(naive_error) AS naive_error, sum(in_90)::int AS inside_90
FROM judged
WHERE counts = 1 AND (symbol = %(symbol)s OR (%(symbol)s IS NULL AND symbol <> ALL (%(stable)s)))
GROUP BY target_open_time ORDER BY target_open_time LIMIT %(limit)s
"""  # noqa: S608 - made of constants


def scores(
    connection: Connection, last: datetime, length: timedelta, stable: Sequence[str]
) -> list[ScoreRow]:
    """Return the score of all coins together, then of each coin.

    Args:
        connection: to the namespace's schema.
        last: open time of the newest hour that counts.
        length: of the window.
        stable: coins that the first row leaves out.
    """
    found = rows(
        connection,
        _SCORES,
        after=last - length,
        last=last,
        stable=list(stable),
        limit=MOST_SYMBOLS + 1,
    )
    return [ScoreRow(**row) for row in found]


def hour_scores(
    connection: Connection,
    last: datetime,
    length: timedelta,
    symbol: str | None,
    stable: Sequence[str],
) -> list[HourScore]:
    """Return each hour's sums of errors, oldest first, of one coin or of all but the stable ones."""
    found = rows(
        connection,
        _HOURS,
        after=last - length,
        last=last,
        symbol=symbol,
        stable=list(stable),
        limit=MOST_HOURS,
    )
    return [HourScore(**row) for row in found]
