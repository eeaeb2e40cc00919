"""The newest evaluation: its league table, and its best model's forecasts beside what came."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.queries.base import first, rows
from streamlit_app.records.evaluation import EvaluationRun, LeagueRow, Prediction

MOST_MODELS = 60
MOST_HOURS = 2_000

_RUN = """
SELECT digest, evaluated_at, train_until, first_open_time, last_open_time, hours, rows_per_model,
    refit_hours, coins, warnings, shown_model
FROM evaluation_run ORDER BY evaluated_at DESC, digest LIMIT 1
"""
_LEAGUE = """
SELECT place, model, is_better, rmae, rmae_low, rmae_high, da, da_se, dm_t, pinball_skill, coverage_50,
    coverage_90, refused, seeds, fits, fit_s, score_s, peak_mib
FROM evaluation_model WHERE digest = %(digest)s ORDER BY place LIMIT %(limit)s
"""
_SYMBOLS = """
SELECT p.symbol FROM evaluation_prediction p LEFT JOIN symbol s ON s.symbol = p.symbol
WHERE p.digest = %(digest)s GROUP BY p.symbol, s.position ORDER BY s.position, p.symbol LIMIT 100
"""
_PREDICTIONS = """
SELECT target_open_time, last_close, q05, q25, q50, q75, q95, actual_close, is_refused, reason
FROM evaluation_prediction
WHERE digest = %(digest)s AND model = %(model)s AND symbol = %(symbol)s
ORDER BY target_open_time DESC LIMIT %(limit)s
"""


def newest(connection: Connection) -> EvaluationRun | None:
    """Return the newest evaluation, None before the first one was recorded."""
    row = first(connection, _RUN)
    if row is None:
        return None
    return EvaluationRun(
        **{**row, "coins": tuple(row["coins"]), "warnings": tuple(row["warnings"])}
    )


def league(connection: Connection, digest: str) -> list[LeagueRow]:
    """Return an evaluation's models, the best first."""
    found = rows(connection, _LEAGUE, digest=digest, limit=MOST_MODELS)
    return [LeagueRow(**row) for row in found]


def predicted_symbols(connection: Connection, digest: str) -> list[str]:
    """Return the coins of which forecasts were kept."""
    return [row["symbol"] for row in rows(connection, _SYMBOLS, digest=digest)]


def predictions(connection: Connection, run: EvaluationRun, symbol: str) -> list[Prediction]:
    """Return the last hours of a coin in the test period, oldest first."""
    found = rows(
        connection,
        _PREDICTIONS,
        digest=run.digest,
        model=run.shown_model,
        symbol=symbol,
        limit=MOST_HOURS,
    )
    return [Prediction(**row) for row in reversed(found)]
