"""Candles in Postgres: the table that allots revisions and is written last.

Guarantee: effectively once per (symbol, hour, revision). One transaction holds a batch's rows and
its commit row, so either all of a batch is readable or nothing; a row is only ever replaced by one that
says more (provisional by later provisional or final), never the other way. The same transaction holds
the locks of the batch's hours from before they are read, so no repair of them comes in between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from conf.abort import AbortSwitch
from conf.contracts.candles import Candle
from streaming.candles.revisions import Current, HourKey
from streaming.candles.rows import COLUMN_LIST, UPDATES, current_rows, row_values, take_hours
from streaming.errors import SinkError

# A restart of the server takes a few seconds; what lasts longer stops the query, and the batch
# comes again when the supervisor restarts it.
ATTEMPTS = 5

UPSERT = f"""
INSERT INTO candle ({COLUMN_LIST}, status) VALUES %s
ON CONFLICT (symbol, interval, open_time, revision) DO UPDATE
SET {UPDATES}, status = EXCLUDED.status, updated_at = clock_timestamp()
WHERE candle.status = 'provisional' AND candle.source = EXCLUDED.source
  AND (EXCLUDED.status = 'final' OR EXCLUDED.trades >= candle.trades)
RETURNING symbol, open_time, status
"""  # noqa: S608 - column names of this package
COMMIT = """
INSERT INTO sink_commit (query, checkpoint, batch_id) VALUES (%s, %s, %s)
ON CONFLICT (query, checkpoint) DO UPDATE
SET batch_id = EXCLUDED.batch_id, updated_at = clock_timestamp()
WHERE sink_commit.batch_id < EXCLUDED.batch_id
"""
LAST_BATCH = "SELECT batch_id FROM sink_commit WHERE query = %s AND checkpoint = %s"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Batch:
    """Which batch of which query; `checkpoint` is the checkpoint's own id, new with a new one."""

    query: str
    checkpoint: str
    batch_id: int


class Turn:
    """One transaction in which some hours are the caller's own."""

    def __init__(self, cursor: Cursor, current: dict[HourKey, Current], abort: AbortSwitch) -> None:
        """Take the transaction's cursor and the current rows of the hours that have one."""
        self.current = current
        self._cursor = cursor
        self._abort = abort

    def write(self, batch: Batch, final: Sequence[Candle], provisional: Sequence[Candle]) -> None:
        """Store a batch's rows and its commit row; both are there once the turn ends.

        Provisional candles carry revision 1; where the hour has a final row they change nothing.

        Raises:
            SinkError: if a final candle's revision is taken, which only someone can have done who
                does not take turns: loading history.
            psycopg2.Error: if the server is away.
        """
        rows = [row_values(candle, "final") for candle in final]
        rows += [row_values(candle, "provisional") for candle in provisional]
        stored: list[tuple[Any, ...]] = []
        if rows:
            stored = execute_values(self._cursor, UPSERT, rows, page_size=1000, fetch=True)
        self._at("rows_written", final)
        written = sum(1 for _, _, status in stored if status == "final")
        if written != len(final):
            message = (
                f"batch {batch.batch_id}: {len(final) - written} of {len(final)} final "
                "candles met a revision that another writer stored meanwhile"
            )
            raise SinkError(message)
        self._cursor.execute(COMMIT, (batch.query, batch.checkpoint, batch.batch_id))
        self._at("before_commit", final)

    def _at(self, point: str, final: Sequence[Candle]) -> None:
        """Pass a point, if there is something whose loss would show."""
        if final:
            self._abort.at(point)


class CandleTable:
    """The `candle` and `sink_commit` tables of one namespace. Not for use by two threads at once."""

    def __init__(self, connect: Callable[[], Connection], abort: AbortSwitch | None = None) -> None:
        """Take a function that opens a connection; none is opened yet."""
        self._abort = abort or AbortSwitch(None)
        self._connect = connect
        self._connection: Connection | None = None

    def last_batch(self, batch: Batch) -> int:
        """Return the last batch id committed for the batch's query and checkpoint, -1 if none."""

        def read(connection: Connection) -> int:
            with connection.cursor() as cursor:
                cursor.execute(LAST_BATCH, (batch.query, batch.checkpoint))
                row = cursor.fetchone()
            return row[0] if row else -1

        return self._in_transaction(read)

    def in_turn(self, keys: Collection[HourKey], work: Callable[[Turn], Result]) -> Result:
        """Do work on some hours in a transaction while nobody else writes them; commit at its end.

        When the connection breaks, the turn is lost and with it the right to the revisions that were
        read in it: the whole work is done again in a new turn, so it must be repeatable.

        Args:
            keys: the hours; without any there is nothing to wait for.
            work: is given the turn.

        Returns:
            What the work returns.

        Raises:
            psycopg2.Error: if the server is away, or another writer has an hour, for longer than a
                few tries.
            Exception: whatever the work raises; nothing is committed then.
        """

        def turn(connection: Connection) -> Result:
            with connection.cursor() as cursor:
                take_hours(cursor, keys)
                if keys:
                    self._abort.at("transaction_begun")
                return work(Turn(cursor, current_rows(cursor, keys), self._abort))

        return self._in_transaction(turn)

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _in_transaction(self, work: Callable[[Connection], Result]) -> Result:
        retrying = Retrying(
            retry=retry_if_exception_type((psycopg2.OperationalError, psycopg2.InterfaceError)),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            reraise=True,
        )
        result: Result = retrying(self._attempt, work)
        return result

    def _attempt(self, work: Callable[[Connection], Result]) -> Result:
        if self._connection is None:
            self._connection = self._connect()
        try:
            with self._connection:
                return work(self._connection)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self.close()
            raise
