"""Who asks for a repair, and what became of it: one row of the table `repair` per hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values

from conf.names import epoch_ms, utc_time

REQUEST = """
INSERT INTO repair (symbol, open_time, reason) VALUES %s
ON CONFLICT (symbol, open_time) DO UPDATE
SET reason = EXCLUDED.reason, requests = repair.requests + 1, state = 'wanted',
    requested_at = clock_timestamp(), done_at = NULL
"""
SETTLE = """
UPDATE repair SET state = %s, revision = %s, detail = %s, done_at = clock_timestamp()
WHERE symbol = %s AND open_time = %s AND requests = %s AND state = 'wanted'
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request. `requests` tells a new one, which came meanwhile, from the one worked on."""

    symbol: str
    open_time_ms: int
    requests: int


def wanted_hours(cursor: Cursor, hours: Iterable[tuple[str, int]] | None = None) -> list[Wanted]:
    """Return the open requests, oldest hour first.

    Args:
        cursor: of a connection to the namespace's schema.
        hours: only of these hours; None for all.
    """
    cursor.execute(
        "SELECT symbol, open_time, requests FROM repair WHERE state = 'wanted' "
        "ORDER BY open_time, symbol"
    )
    chosen = None if hours is None else set(hours)
    found = [Wanted(symbol, epoch_ms(opened), n) for symbol, opened, n in cursor.fetchall()]
    return [w for w in found if chosen is None or (w.symbol, w.open_time_ms) in chosen]


def settle(cursor: Cursor, wanted: Wanted, state: str, revision: int | None, detail: str) -> None:
    """Note what became of a request, in the caller's transaction; a newer one stays open.

    Args:
        cursor: of a connection to the namespace's schema.
        wanted: the request that was worked on.
        state: `done`, `unchanged` or `failed`.
        revision: what the hour has now.
        detail: one line for people.
    """
    cursor.execute(
        SETTLE,
        (state, revision, detail, wanted.symbol, utc_time(wanted.open_time_ms), wanted.requests),
    )
