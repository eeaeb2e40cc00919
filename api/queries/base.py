"""What all statements share: rows as dicts, the run's source, stamps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.errors import StoreNotReadyError

Row = dict[str, Any]
Values = Mapping[str, Any]

# -infinity and infinity stand for a bound that was not given: one statement for all cases.
ALWAYS = "-infinity"
FOREVER = "infinity"

SNAPSHOT = "SELECT pg_current_snapshot()::text AS snapshot LIMIT 1"

SOURCE = """
SELECT namespace, venue, source_label, speed FROM run_info LIMIT 1
"""

# The source and the stamp in one round trip. Rows differ in at least one part of their key, hence no two
# equal hashes cancel each other out; any row that comes, goes or is written anew changes the digest.
_STAMP = """
SELECT r.namespace, r.venue, r.source_label, r.speed, s.stamp
FROM run_info r CROSS JOIN (
    SELECT count(*) || ':' || coalesce(bit_xor(hash_record_extended(p, 0)), 0) AS stamp
    FROM ({keys}) AS p
) AS s LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Stamped:
    """Where an answer comes from, and the digest of what it is made of."""

    source: Row
    stamp: str


class PageQuery(Protocol):
    """A list, or a page of one."""

    def stamped(self, connection: Connection) -> Stamped:
        """Return source and stamp."""

    def rows(self, connection: Connection) -> tuple[list[Row], str | None]:
        """Return the documents and the next page's cursor, None on the last page."""


def stamp_of(keys: str) -> str:
    """Return the statement that stamps a page.

    Args:
        keys: statement of the page's rows, reduced to key and time of writing.
    """
    return _STAMP.format(keys=keys)


def rows(connection: Connection, statement: str, values: Values | None = None) -> list[Row]:
    """Return the rows of a statement; numerics and times are the wire's texts."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def stamped(connection: Connection, statement: str, values: Values) -> Stamped:
    """Return source and stamp of a page.

    Raises:
        StoreNotReadyError: if the run has not been prepared yet.
    """
    found = required(rows(connection, statement, values))
    return Stamped(found, found.pop("stamp"))


def snapshot(connection: Connection) -> str:
    """Return a text that is the same for as long as no transaction has changed anything.

    It names every transaction whose work is visible: the number of the first that may not be, and
    those before it that have not ended.
    """
    (found,) = rows(connection, SNAPSHOT)
    return str(found["snapshot"])


def source(connection: Connection) -> Row:
    """Return where the figures come from.

    Raises:
        StoreNotReadyError: if the run has not been prepared yet.
    """
    return required(rows(connection, SOURCE))


def required(found: list[Row]) -> Row:
    """Return the one row of the run.

    Raises:
        StoreNotReadyError: if there is none.
    """
    if not found:
        message = "the run has not been prepared yet: its row in run_info is missing"
        raise StoreNotReadyError(message)
    return found[0]


def is_known(connection: Connection, symbol: str) -> bool:
    """Tell whether the run follows a symbol, or has candles of it."""
    (found,) = rows(
        connection,
        "SELECT EXISTS (SELECT FROM symbol WHERE symbol = %(symbol)s) OR EXISTS "
        "(SELECT FROM candle WHERE symbol = %(symbol)s AND interval = '1h') AS is_known LIMIT 1",
        {"symbol": symbol},
    )
    return bool(found["is_known"])
