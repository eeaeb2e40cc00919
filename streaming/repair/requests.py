"""Who asks for a repair: one row of the table `repair` per hour."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values

from conf.names import utc_time

REQUEST = """
INSERT INTO repair (symbol, open_time, reason) VALUES %s
ON CONFLICT (symbol, open_time) DO UPDATE
SET reason = EXCLUDED.reason, requests = repair.requests + 1, state = 'wanted',
    requested_at = clock_timestamp(), done_at = NULL
"""


def request_repairs(cursor: Cursor, hours: Iterable[tuple[str, int]], reason: str) -> None:
    """Ask for hours to be rebuilt, in the caller's transaction; asking again does no harm.

    Args:
        cursor: of a connection to the namespace's schema.
        hours: symbol and open time (UTC epoch ms), any order.
        reason: one line for people.
    """
    rows = [(symbol, utc_time(open_ms), reason) for symbol, open_ms in sorted(set(hours))]
    if rows:
        execute_values(cursor, REQUEST, rows)
