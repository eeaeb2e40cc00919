"""What happened to the feed and to the queries, the latest first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api import cursors
from api.params import IncidentQuery
from api.queries.base import ALWAYS, FOREVER, Row, Stamped, rows, stamp_of, stamped
from conf.contracts.incidents import ALARMS

_COLUMNS = (
    "id, kind, kind = ANY(%(alarms)s) AS is_alarm, producer, symbol, first_id, last_id, started_at, "
    "ended_at, duration_ms, detail, written_at"
)
_KEYS = "id"  # rows are only ever added
_INCIDENTS = """
SELECT {columns} FROM incident
WHERE started_at >= %(first)s AND started_at < %(end)s {conditions}
ORDER BY started_at DESC, id DESC LIMIT %(rows)s
"""
_BEFORE = "AND started_at <= %(time)s AND (started_at, id) < (%(time)s, %(last_id)s)"


class IncidentPageQuery:
    """One page of incidents.

    Args:
        query: which incidents.

    Raises:
        api.cursors.CursorError: if the query's cursor is none of this list.
    """

    def __init__(self, query: IncidentQuery) -> None:
        self._limit = query.limit
        alarms = sorted(kind.value for kind in ALARMS)
        self._values: dict[str, Any] = {
            "first": query.from_time or ALWAYS,
            "end": query.until or FOREVER,
            "kinds": [kind.value for kind in query.kind],
            "symbol": query.symbol,
            "alarms": alarms,
            "rows": query.limit + 1,
        }
        conditions = ["AND kind = ANY(%(kinds)s)"] if query.kind else []
        conditions += ["AND kind = ANY(%(alarms)s)"] if query.alarms else []
        conditions += ["AND symbol = %(symbol)s"] if query.symbol else []
        if query.cursor is not None:
            conditions.append(_BEFORE)
            key = cursors.decode(query.cursor, (datetime, int))
            self._values |= dict(zip(("time", "last_id"), key, strict=True))
        parts = {"conditions": " ".join(conditions)}
        self._stamp = stamp_of(_INCIDENTS.format(columns=_KEYS, **parts))
        self._page = _INCIDENTS.format(columns=_COLUMNS, **parts)

    def stamped(self, connection: Connection) -> Stamped:
        """Return source and stamp of the page."""
        return stamped(connection, self._stamp, self._values)

    def rows(self, connection: Connection) -> tuple[list[Row], str | None]:
        """Return the page's documents and the cursor of the next page, None on the last one."""
        found = rows(connection, self._page, self._values)
        if len(found) <= self._limit:
            return found, None
        last = found[self._limit - 1]
        return found[: self._limit], cursors.encode([last["started_at"], last["id"]])
