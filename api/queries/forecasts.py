"""Forecasts and refusals by target hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api import cursors
from api.params import ForecastQuery
from api.queries.base import ALWAYS, FOREVER, Row, Stamped, rows, stamp_of, stamped

COLUMNS = (
    "symbol, target_open_time, model_version, kind, as_of_open_time, issued_at, last_close, "
    "q05, q25, q50, q75, q95, is_fallback, refusal_reason, input_verdict, input_revision, mask, "
    "feature_hash, written_at"
)
_KEYS = "symbol, target_open_time, model_version, written_at"

_FORECASTS = """
SELECT {columns} FROM forecast
WHERE kind = %(kind)s AND target_open_time >= %(first)s AND target_open_time < %(end)s {conditions}
ORDER BY target_open_time {order}, symbol {order}, model_version {order} LIMIT %(rows)s
"""
_SYMBOL = "AND symbol = %(symbol)s"
_VERSION = "AND model_version = %(model_version)s"
_REFUSALS = {
    "include": "",
    "exclude": "AND refusal_reason IS NULL",
    "only": "AND refusal_reason IS NOT NULL",
}
# The first comparison is for the index, the second one is exact.
_BEHIND = {
    "asc": "AND target_open_time >= %(time)s AND (target_open_time, symbol, model_version) > (%(time)s, %(last_symbol)s, %(last_version)s)",
    "desc": "AND target_open_time <= %(time)s AND (target_open_time, symbol, model_version) < (%(time)s, %(last_symbol)s, %(last_version)s)",
}


class ForecastPageQuery:
    """One page of forecasts: its stamp, its rows and where the next one begins.

    Args:
        query: which forecasts.

    Raises:
        api.cursors.CursorError: if the query's cursor is none of this list.
    """

    def __init__(self, query: ForecastQuery) -> None:
        self._limit = query.limit
        self._values: dict[str, Any] = {
            "kind": query.kind,
            "symbol": query.symbol,
            "model_version": query.model_version,
            "first": query.from_time or ALWAYS,
            "end": query.until or FOREVER,
            "rows": query.limit + 1,
        }
        conditions = [_REFUSALS[query.refusals]]
        conditions += [_SYMBOL] if query.symbol else []
        conditions += [_VERSION] if query.model_version else []
        if query.cursor is not None:
            conditions.append(_BEHIND[query.order])
            names = ("time", "last_symbol", "last_version")
            key = cursors.decode(query.cursor, (datetime, str, str))
            self._values |= dict(zip(names, key, strict=True))
        parts = {"conditions": " ".join(conditions), "order": query.order}
        self._stamp = stamp_of(_FORECASTS.format(columns=_KEYS, **parts))
        self._page = _FORECASTS.format(columns=COLUMNS, **parts)

    def stamped(self, connection: Connection) -> Stamped:
        """Return source and stamp of the page."""
        return stamped(connection, self._stamp, self._values)

    def rows(self, connection: Connection) -> tuple[list[Row], str | None]:
        """Return the page's documents and the cursor of the next page, None on the last one."""
        found = rows(connection, self._page, self._values)
        if len(found) <= self._limit:
            return found, None
        last = found[self._limit - 1]
        key = [last["target_open_time"], last["symbol"], last["model_version"]]
        return found[: self._limit], cursors.encode(key)
