"""The long projection: fans by origin, their sample paths, and the daily closes around them."""

from __future__ import annotations

from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.intervals import DAILY
from streamlit_app.queries.bars import bars
from streamlit_app.queries.base import first, rows
from streamlit_app.records.projection import DayClose, Fan, FanDay, PathDay

MOST_ORIGINS = 400
MOST_DAYS = 180
MOST_PATH_DAYS = 20 * MOST_DAYS

_ORIGINS = """
SELECT origin FROM projection WHERE symbol = %(symbol)s AND horizon_days = 1
ORDER BY origin DESC LIMIT %(limit)s
"""
_NEWEST = "SELECT origin FROM projection ORDER BY origin DESC LIMIT 1"
_FAN = """
SELECT horizon_days, q05, q25, q50, q75, q95, last_close, method, written_at FROM projection
WHERE symbol = %(symbol)s AND origin = %(origin)s ORDER BY horizon_days LIMIT %(limit)s
"""
_PATHS = """
SELECT path, horizon_days, price FROM projection_path
WHERE symbol = %(symbol)s AND origin = %(origin)s ORDER BY path, horizon_days LIMIT %(limit)s
"""


def origins(connection: Connection, symbol: str) -> list[datetime]:
    """Return the midnights from which a symbol was projected, the latest first."""
    found = rows(connection, _ORIGINS, symbol=symbol, limit=MOST_ORIGINS)
    return [row["origin"] for row in found]


def newest_origin(connection: Connection) -> datetime | None:
    """Return the midnight from which any symbol was last projected."""
    row = first(connection, _NEWEST)
    return row["origin"] if row else None


def fan(connection: Connection, symbol: str, origin: datetime) -> Fan | None:
    """Return the fan of a symbol from an origin, None where there is none."""
    found = rows(connection, _FAN, symbol=symbol, origin=origin, limit=MOST_DAYS)
    if not found:
        return None
    paths = rows(connection, _PATHS, symbol=symbol, origin=origin, limit=MOST_PATH_DAYS)
    names = ("horizon_days", "q05", "q25", "q50", "q75", "q95")
    return Fan(
        symbol=symbol,
        origin=origin,
        last_close=found[0]["last_close"],
        method=found[0]["method"],
        written_at=found[0]["written_at"],
        days=tuple(FanDay(**{name: row[name] for name in names}) for row in found),
        paths=tuple(PathDay(**row) for row in paths),
    )


def day_closes(
    connection: Connection, symbol: str, since: datetime, until: datetime
) -> list[DayClose]:
    """Return a symbol's closes of the UTC days from `since` to before `until`, oldest first."""
    found = bars(connection, symbol, DAILY, since, until)
    return [
        DayClose(bar.open_time + timedelta(days=1), float(bar.close))
        for bar in found
        if bar.close is not None and not bar.is_running
    ]
