"""Model versions, what was done with them, and which one made the forecasts of which hours."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.queries.base import first, rows
from streamlit_app.records.forecasts import ModelEventRow, ModelRow, ServedRow

MOST_MODELS = 30
MOST_SPANS = 60
MOST_EVENTS = 60

_MODELS = """
SELECT m.version, m.status, m.created_at, m.trained_from, m.trained_until, m.train_rows,
    m.val_pinball, m.ewma_pinball, m.val_rmae, m.fit_seconds,
    (m.manifest->>'expires_ms')::bigint AS expires_ms,
    coalesce(l.hours, 0)::int AS hours_served, l.last AS last_served,
    coalesce(s.hours, 0)::int AS shadow_hours, s.last AS last_shadow
FROM (SELECT * FROM model_version ORDER BY created_at DESC LIMIT %(limit)s) AS m
LEFT JOIN (SELECT model_version, count(*) AS hours, max(target_open_time) AS last
    FROM forecast_run WHERE kind = 'live' GROUP BY 1) AS l ON l.model_version = m.version
LEFT JOIN (SELECT model_version, count(*) AS hours, max(target_open_time) AS last
    FROM forecast_run WHERE kind = 'shadow' GROUP BY 1) AS s ON s.model_version = m.version
ORDER BY last_served DESC NULLS LAST, m.created_at DESC
"""

# Hours in a row of one version: numbered over all hours and over its own, the difference stays the same.
_SERVED = """
SELECT kind, model_version AS version, min(target_open_time) AS first_hour,
    max(target_open_time) AS last_hour, count(*)::int AS hours, sum(forecasts)::int AS forecasts,
    sum(refusals)::int AS refusals, avg(scoring_ms) AS scoring_ms
FROM (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY target_open_time)
        - row_number() OVER (PARTITION BY kind, model_version ORDER BY target_open_time) AS island
    FROM forecast_run WHERE kind IN ('live', 'shadow') AND target_open_time >= %(since)s
) AS numbered
GROUP BY kind, model_version, island ORDER BY last_hour DESC, kind LIMIT %(limit)s
"""

_EVENTS = """
SELECT happened_at, kind, model_version AS version, reason, detail FROM model_event
ORDER BY id DESC LIMIT %(limit)s
"""

_LAST_EVENT = """
SELECT happened_at, kind, model_version AS version, reason, detail FROM model_event
WHERE kind = ANY(%(kinds)s) ORDER BY id DESC LIMIT 1
"""


def models(connection: Connection) -> list[ModelRow]:
    """Return the newest model versions, the one that served last first."""
    found = []
    for row in rows(connection, _MODELS, limit=MOST_MODELS):
        expires_ms = row.pop("expires_ms")
        expires_at = None if expires_ms is None else datetime.fromtimestamp(expires_ms / 1000, UTC)
        found.append(ModelRow(**row, expires_at=expires_at))
    return found


def served(connection: Connection, since: datetime) -> list[ServedRow]:
    """Return which version made the forecasts of which hours, the latest first."""
    found = rows(connection, _SERVED, since=since, limit=MOST_SPANS)
    return [ServedRow(**row) for row in found]


def events(connection: Connection) -> list[ModelEventRow]:
    """Return what was done with versions, the latest first."""
    return [ModelEventRow(**row) for row in rows(connection, _EVENTS, limit=MOST_EVENTS)]


def last_event(connection: Connection, *kinds: str) -> ModelEventRow | None:
    """Return the latest event of some kinds."""
    row = first(connection, _LAST_EVENT, kinds=list(kinds))
    return None if row is None else ModelEventRow(**row)
