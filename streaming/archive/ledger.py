"""What Postgres knows of the archive: which batches are whole, and who may change its folders.

Guarantee: a batch's commit row and the repairs that it asks for are one transaction. The same
transaction holds a lock while files appear under their names, so that a batch and a compaction, in
whatever process, never change a day at the same time; the lock ends with its owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own class name
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from streaming.archive.layout import BatchName
from streaming.candles.table import ATTEMPTS, COMMIT

QUERY = "archive"

COMMITTED = "SELECT checkpoint, batch_id FROM sink_commit WHERE query = %s"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.archive', 0))"
TRY_COMPACTION = "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.archive-compaction', 0))"


class ArchiveLedger:
    """Reads and writes through connections of its own, one for each use: they are rare."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """Take a function that opens a connection; none is opened yet."""
        self._connect = connect

    def committed(self) -> dict[str, int]:
        """Return the last batch that is whole by checkpoint.

        Raises:
            psycopg2.Error: if the server is away for longer than a few retries.
        """
        with self._transaction() as cursor:
            cursor.execute(COMMITTED, (QUERY,))
            return {checkpoint: int(batch_id) for checkpoint, batch_id in cursor.fetchall()}

    @contextmanager
    def exclusive(self) -> Iterator[Cursor]:
        """Hold the archive's lock for a transaction; it commits at the end unless an error passes.

        Raises:
            psycopg2.Error: if the server is away, or another holds the lock for longer than the
                statement time-out.
        """
        with self._transaction() as cursor:
            cursor.execute(LOCK)
            yield cursor

    @contextmanager
    def compaction(self) -> Iterator[bool]:
        """Be the only process that compacts; yields false, at once, if another one does.

        Raises:
            psycopg2.Error: if the server is away for longer than a few retries.
        """
        with self._transaction() as cursor:
            cursor.execute(TRY_COMPACTION)
            row = cursor.fetchone()
            yield bool(row and row[0])

    @staticmethod
    def commit(cursor: Cursor, batch: BatchName) -> None:
        """Record in the cursor's transaction that a batch is whole."""
        cursor.execute(COMMIT, (QUERY, batch.checkpoint, batch.batch_id))

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        retrying = Retrying(
            retry=retry_if_exception_type(psycopg2.OperationalError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            reraise=True,
        )
        connection: Connection = retrying(partial(self._connect))
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def is_committed(committed: dict[str, int], batch: BatchName) -> bool:
    """Tell whether a batch is whole. Pure."""
    return batch.batch_id <= committed.get(batch.checkpoint, -1)
