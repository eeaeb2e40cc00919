"""What all statements share."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import RealDictCursor

MOST_SYMBOLS = 100


def rows(connection: Connection, statement: str, **values: Any) -> list[dict[str, Any]]:
    """Return the rows of a statement as dicts by column."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(statement, values)
        return [dict(row) for row in cursor.fetchall()]


def first(connection: Connection, statement: str, **values: Any) -> dict[str, Any] | None:
    """Return the first row of a statement, None without any."""
    found = rows(connection, statement, **values)
    return found[0] if found else None
