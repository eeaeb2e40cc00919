"""What happened to the feed and the queries."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.contracts.incidents import ALARMS
from streamlit_app.queries.base import rows
from streamlit_app.records.data import IncidentCount
from streamlit_app.records.system import IncidentRow

MOST_INCIDENTS = 50
MOST_ALARMS = 20
MOST_COUNTS = 500

# The newest ones, and the newest alarms too, however much went its usual way since.
_INCIDENTS = """
SELECT kind, producer, symbol, first_id, last_id, started_at, duration_ms, detail FROM (
    (SELECT * FROM incident ORDER BY id DESC LIMIT %(limit)s)
    UNION
    (SELECT * FROM incident WHERE kind = ANY(%(alarms)s) ORDER BY id DESC LIMIT %(alarm_limit)s)
) AS shown ORDER BY id DESC
"""

_CHOSEN = """
SELECT kind, producer, symbol, first_id, last_id, started_at, duration_ms, detail FROM incident
WHERE started_at >= %(since)s AND (%(kind)s IS NULL OR kind = %(kind)s)
    AND (%(symbol)s IS NULL OR symbol = %(symbol)s)
ORDER BY started_at DESC, id DESC LIMIT %(limit)s
"""

_COUNTS = """
SELECT kind, symbol, count(*)::int AS count,
    coalesce(sum(last_id - first_id + 1), 0)::bigint AS ids, max(duration_ms) AS longest_ms,
    max(started_at) AS last_at
FROM incident WHERE started_at >= %(since)s
GROUP BY kind, symbol ORDER BY kind, symbol NULLS FIRST LIMIT %(limit)s
"""


def newest(connection: Connection) -> list[IncidentRow]:
    """Return the newest incidents and the newest alarms, newest first."""
    found = rows(
        connection,
        _INCIDENTS,
        limit=MOST_INCIDENTS,
        alarms=[kind.value for kind in ALARMS],
        alarm_limit=MOST_ALARMS,
    )
    return [IncidentRow(**row) for row in found]


def chosen(
    connection: Connection, since: datetime, kind: str | None, symbol: str | None, limit: int
) -> list[IncidentRow]:
    """Return the incidents since a time of one kind and one symbol, or of all; newest first."""
    found = rows(connection, _CHOSEN, since=since, kind=kind, symbol=symbol, limit=limit)
    return [IncidentRow(**row) for row in found]


def counts(connection: Connection, since: datetime) -> list[IncidentCount]:
    """Return how often each thing happened to each symbol since a time."""
    return [
        IncidentCount(**row) for row in rows(connection, _COUNTS, since=since, limit=MOST_COUNTS)
    ]
