"""A rebuilt hour in the three stores: Parquet, topic, Postgres, in this order.

Guarantee: effectively once per (symbol, hour, revision), whatever runs at the same time. The new row is
inserted first, in a transaction that is committed last: no other writer can commit that revision
meanwhile, and nobody reads it before the file and the message are there. A crash at any point leaves the
request standing; the next attempt writes the same file, message and row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from conf.abort import AbortSwitch
from conf.contracts.candles import Candle
from conf.names import epoch_ms, utc_time
from streaming.candles.files import CandleFiles
from streaming.candles.revisions import OWN_SOURCE, REPAIR_SOURCE, Current
from streaming.candles.table import SELECT_CURRENT
from streaming.candles.topic import CandleTopic
from streaming.errors import SinkError
from streaming.repair.decide import Decision, Step, decide
from streaming.repair.requests import Wanted, settle

ATTEMPTS = 5
OWN_SOURCES = (OWN_SOURCE, REPAIR_SOURCE)
"""Whose candles are on HDFS and in the topic; loaded history is in Postgres alone."""
_FIELDS = Candle.__slots__
_COLUMNS = ["open_time" if name == "open_time_ms" else name for name in _FIELDS]
_UPDATES = [name for name in _COLUMNS if name not in ("symbol", "open_time", "revision")]

# A running hour's provisional row is the only one that may be replaced.
INSERT = f"""
INSERT INTO candle ({", ".join(_COLUMNS)}, status) VALUES %s
ON CONFLICT (symbol, interval, open_time, revision) DO UPDATE
SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _UPDATES)}, status = EXCLUDED.status,
    updated_at = clock_timestamp()
WHERE candle.status = 'provisional'
RETURNING revision
"""  # noqa: S608 - column names of this package
LOCK = "SELECT pg_advisory_xact_lock(hashtext('nexthour repair'), hashtext(current_schema() || %s))"


class RevisionTakenError(SinkError):
    """Another writer committed the revision first; the decision must be taken anew."""


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
            psycopg2.Error: if Postgres is away.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(RevisionTakenError),
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
        with self._open() as connection, connection.cursor() as cursor:
            self._abort.at("transaction_begun")
            cursor.execute(LOCK, (f"{rebuilt.symbol}|{rebuilt.open_time_ms}",))
            current = _current(cursor, rebuilt)
            decision = decide(current, rebuilt, gap_ids)
            if decision.step is Step.STORE:
                self._store(cursor, replace(rebuilt, revision=decision.revision))
            elif current is not None and current.candle.source in OWN_SOURCES:
                self._restore(cursor, current.candle)
            state = {Step.STORE: "done", Step.RESTORE: "unchanged", Step.KEEP: "failed"}
            settle(cursor, wanted, state[decision.step], decision.revision, detail)
            self._abort.at("before_commit")
        return decision, current.candle if current and current.is_final else None

    def _store(self, cursor: Cursor, candle: Candle) -> None:
        fields = {name: getattr(candle, name) for name in _FIELDS}
        fields["open_time_ms"] = utc_time(candle.open_time_ms)
        row = (*fields.values(), "final")
        if not execute_values(cursor, INSERT, [row], fetch=True):
            message = f"revision {candle.revision} was stored by another writer meanwhile"
            raise RevisionTakenError(message)
        self._abort.at("rows_written")
        self._publish(candle)

    def _restore(self, cursor: Cursor, candle: Candle) -> None:
        """Write file and message of the current revision again; the stream may go on meanwhile."""
        while True:
            self._publish(candle)
            newest = _current(cursor, candle)
            if newest is None or newest.candle.revision == candle.revision:
                return
            # The stream was faster: its message must be the last one of the key.
            candle = newest.candle

    def _publish(self, candle: Candle) -> None:
        self._files.write([candle])
        self._abort.at("files_written")
        self._topic.send([candle])
        self._abort.at("topic_flushed")


def _current(cursor: Cursor, candle: Candle) -> Current | None:
    key = (candle.symbol, utc_time(candle.open_time_ms))
    rows: list[tuple[Any, ...]] = execute_values(
        cursor, SELECT_CURRENT, [key], "(%s, %s::timestamptz)", fetch=True
    )
    if not rows:
        return None
    fields = dict(zip(_FIELDS, rows[0], strict=False))
    fields["open_time_ms"] = epoch_ms(fields["open_time_ms"])
    return Current(Candle(**fields), rows[0][-1] == "final")
