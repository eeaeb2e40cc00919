"""A rebuilt hour in the three stores: Parquet, topic, Postgres, in this order.

Guarantee: effectively once per (symbol, hour, revision), whatever runs at the same time. One transaction
holds the hour's lock (`streaming.candles.rows`) from before its current row is read, so neither the
stream nor another repair writes the hour meanwhile; the new row is inserted first and committed last, so
nobody reads it before the file and the message are there. A crash at any point leaves the request
standing; the next attempt writes the same file, message and row. An attempt that loses its connection,
and with it the lock, begins anew, and puts right what it may have written beside a faster writer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from conf.abort import AbortSwitch
from conf.contracts.candles import Candle
from streaming.candles.files import CandleFiles
from streaming.candles.revisions import OWN_SOURCES, key_of
from streaming.candles.rows import COLUMN_LIST, UPDATES, current_rows, row_values, take_hours
from streaming.candles.topic import CandleTopic
from streaming.errors import SinkError
from streaming.repair.decide import Decision, Step, decide
from streaming.repair.requests import Wanted, settle

ATTEMPTS = 5

# A running hour's provisional row is the only one that may be replaced.
INSERT = f"""
INSERT INTO candle ({COLUMN_LIST}, status) VALUES %s
ON CONFLICT (symbol, interval, open_time, revision) DO UPDATE
SET {UPDATES}, status = EXCLUDED.status, updated_at = clock_timestamp()
WHERE candle.status = 'provisional'
RETURNING revision
"""  # noqa: S608 - column names of this package


class RevisionTakenError(SinkError):
    """The revision is there already: history was loaded meanwhile, whose writer takes no locks."""


class RepairStore:
    """Stores rebuilt hours over one connection. Not for use by two threads at once."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        files: CandleFiles,
        topic: CandleTopic,
        abort: AbortSwitch | None = None,
    ) -> None:
        """Take the three stores and a switch for chaos tests; no connection is opened yet."""
        self._connect = connect
        self._files = files
        self._topic = topic
        self._abort = abort or AbortSwitch(None)
        self._connection: Connection | None = None

    def store(
        self, wanted: Wanted, rebuilt: Candle, gap_ids: int, detail: str
    ) -> tuple[Decision, Candle | None]:
        """Store a rebuilt hour as the rules of `decide` say, and settle its request.

        Args:
            wanted: the request; it is settled in the same transaction as the row.
            rebuilt: the judged candle, revision not set.
            gap_ids: how many ids of it could not be had.
            detail: one line for people, kept with the request.

        Returns:
            What was done, and the candle that was there before.

        Raises:
            SinkError: if a store did not take it.
            OSError: if HDFS is away.
            psycopg2.Error: if Postgres is away, or another writer has the hour, for longer than a
                few tries.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(
                (RevisionTakenError, psycopg2.OperationalError, psycopg2.InterfaceError)
            ),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            reraise=True,
        )
        done: tuple[Decision, Candle | None] = retrying(
            self._attempt, wanted, rebuilt, gap_ids, detail
        )
        self._abort.at("after_commit")
        return done

    def fail(self, wanted: Wanted, detail: str) -> None:
        """Settle a request that cannot be met."""
        with self._open() as connection, connection.cursor() as cursor:
            settle(cursor, wanted, "failed", None, detail)

    def close(self) -> None:
        """Close the connection and end the threads of the files."""
        if self._connection is not None:
            self._connection.close()
        self._files.close()

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _attempt(
        self, wanted: Wanted, rebuilt: Candle, gap_ids: int, detail: str
    ) -> tuple[Decision, Candle | None]:
        key = key_of(rebuilt)
        with self._open() as connection, connection.cursor() as cursor:
            self._abort.at("transaction_begun")
            take_hours(cursor, [key])
            current = current_rows(cursor, [key]).get(key)
            known = current.candle if current is not None and current.is_final else None
            decision = decide(current, rebuilt, gap_ids)
            if decision.step is Step.STORE:
                self._store(cursor, known, replace(rebuilt, revision=decision.revision))
            elif known is not None and known.source in OWN_SOURCES:
                self._publish(known)
            state = {Step.STORE: "done", Step.RESTORE: "unchanged", Step.KEEP: "failed"}
            settle(cursor, wanted, state[decision.step], decision.revision, detail)
            self._abort.at("before_commit")
        return decision, known

    def _store(self, cursor: Cursor, known: Candle | None, candle: Candle) -> None:
        """Write the next revision; the file of the one before, too, whoever may have spoilt it."""
        row = row_values(candle, "final")
        if not execute_values(cursor, INSERT, [row], fetch=True):
            message = f"revision {candle.revision} was stored by another writer meanwhile"
            raise RevisionTakenError(message)
        self._abort.at("rows_written")
        if known is not None and known.source in OWN_SOURCES:
            self._files.write([known])
        self._publish(candle)

    def _publish(self, candle: Candle) -> None:
        self._files.write([candle])
        self._abort.at("files_written")
        self._topic.send([candle])
        self._abort.at("topic_flushed")
