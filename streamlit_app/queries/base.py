"""What all statements share."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

MOST_SYMBOLS = 100


def rows(connection: Connection, statement: str, **values: Any) -> list[dict[str, Any]]:
    """Return the rows of a statement as dicts by column."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description or ()]
        # psycopg2's own cursors of dicts take several times as long.
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def first(connection: Connection, statement: str, **values: Any) -> dict[str, Any] | None:
    """Return the first row of a statement, None without any."""
    found = rows(connection, statement, **values)
    return found[0] if found else None
