"""What was written since a position: candles and forecasts in the order of their transactions.

A row's time of writing is no position: a transaction that wrote earlier may commit later, and a reader that
has gone past its time would never see it. The transaction's number with the snapshot's horizon is one: rows
below the horizon (`pg_snapshot_xmin`: every transaction before it has ended) are complete, so that nothing
is ever added to what has been read. Hence rows are told once all older transactions have ended.

Times of writing only bound what is looked at, by an index.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.queries import candles, forecasts
from api.queries.base import Row, required, rows

LONGEST_TRANSACTION = timedelta(minutes=10)
"""What a new listener assumes of transactions under way, and nobody else: those that last longer may have
written rows that it is not told. A repair's takes seconds."""
CLOCK_ERROR = timedelta(minutes=1)
"""By how much Postgres' clock may have been set back."""
PAGE_ROWS = 1_000
MOST_ROWS_OF_ONE = 100_000
"""Rows of one transaction; a batch of candles has one row a symbol and hour."""

_OPENING = """
SELECT r.namespace, r.venue, r.source_label, r.speed, r.started_at, clock_timestamp() AS now,
    pg_snapshot_xmin(s)::text::bigint AS horizon, pg_snapshot_xmax(s)::text::bigint AS next
FROM run_info r CROSS JOIN pg_current_snapshot() AS s LIMIT 1
"""

# A row knows the lower 32 bits of its transaction's number; it is the latest number below the snapshot's
# next one that ends in them.
FULL_NUMBER = "next - 1 - mod(next - 1 - {low} + 4294967296, 4294967296)"
_XID = FULL_NUMBER.format(low="t.xmin::text::bigint")
_HERE = """
here AS MATERIALIZED (SELECT pg_snapshot_xmin(s)::text::bigint AS horizon,
    pg_snapshot_xmax(s)::text::bigint AS next, clock_timestamp() AS now
    FROM pg_current_snapshot() AS s)
"""
# History is left out, as it is from the topic `candles`: years of it are loaded in one go.
_CANDLES = f"""
SELECT {_XID} AS xid, {candles.COLUMNS}
FROM candle t CROSS JOIN here
WHERE updated_at > %(since)s AND verdict IS DISTINCT FROM 'history' AND interval = '1h'
"""  # noqa: S608 - made of constants
_FORECASTS = f"""
SELECT {_XID} AS xid, {forecasts.COLUMNS}
FROM forecast t CROSS JOIN here WHERE written_at > %(since)s
"""  # noqa: S608 - made of constants
_WRITTEN = f"""
WITH {_HERE}, written AS ({{written}})
SELECT written.* FROM written, here
WHERE xid >= %(first)s AND xid <= %(last)s AND xid < here.horizon ORDER BY xid LIMIT %(rows)s
"""  # noqa: S608 - made of constants
_NEW_CANDLES = _WRITTEN.format(written=_CANDLES)
_NEW_FORECASTS = _WRITTEN.format(written=_FORECASTS)
_MOST = 2**62


@dataclass(frozen=True, slots=True)
class Written:
    """Rows of whole transactions, in their order.

    Attributes:
        candles: with the number of their transaction as `xid`.
        forecasts: likewise.
        end: number of the first transaction that was not read.
        next: number of the first transaction that had not begun.
        now: Postgres' clock after that, as the wire's text.
        is_all: whether there was no more below the horizon.
    """

    candles: list[Row]
    forecasts: list[Row]
    end: int
    next: int
    now: str
    is_all: bool


def opening(connection: Connection) -> Row:
    """Return the run's source and where events begin that come from now on.

    Raises:
        StoreNotReadyError: if the run has not been prepared yet.
    """
    return required(rows(connection, _OPENING))


def written_since(connection: Connection, first: int, since: datetime) -> Written:
    """Return rows of the transactions from `first` on, as many as a page holds.

    Args:
        connection: inside one snapshot.
        first: number of a transaction.
        since: wall time before which no transaction from `first` on has written anything.
    """
    here = opening(connection)
    values: dict[str, Any] = {"first": first, "last": _MOST, "rows": PAGE_ROWS}
    values["since"] = since - CLOCK_ERROR
    found = [rows(connection, statement, values) for statement in (_NEW_CANDLES, _NEW_FORECASTS)]
    ends = [_end(some, here["horizon"]) for some in found]
    end = min(ends)
    if end == first < here["horizon"]:  # one transaction alone fills the page
        values |= {"last": first, "rows": MOST_ROWS_OF_ONE}
        found = [
            rows(connection, statement, values) for statement in (_NEW_CANDLES, _NEW_FORECASTS)
        ]
        end = first + 1
    kept = [[row for row in some if row["xid"] < end] for some in found]
    is_all = end >= here["horizon"]
    return Written(kept[0], kept[1], end, here["next"], here["now"], is_all)


def _end(found: list[Row], horizon: int) -> int:
    """Return the first transaction that a page of rows may hold only in part."""
    return int(found[-1]["xid"]) if len(found) == PAGE_ROWS else horizon
