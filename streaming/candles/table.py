"""Candles in Postgres: the table that allots revisions and is written last.

Guarantee: effectively once per (symbol, hour, revision). One transaction holds a batch's rows and
its commit row, so either all of a batch is readable or nothing; a row is only ever replaced by one that
says more (provisional by later provisional or final), never the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from conf.abort import AbortSwitch
from conf.contracts.candles import Candle
from conf.names import epoch_ms, utc_time
from streaming.candles.revisions import Current, HourKey, key_of
from streaming.errors import SinkError

# A restart of the server takes a few seconds; what lasts longer stops the query, and the batch
# comes again when the supervisor restarts it.
ATTEMPTS = 5

_FIELDS = Candle.__slots__
_COLUMNS = ", ".join("open_time" if name == "open_time_ms" else name for name in _FIELDS)
_KEY_COLUMNS = ("symbol", "open_time_ms", "revision")
_UPDATES = ", ".join(f"{name} = EXCLUDED.{name}" for name in _FIELDS if name not in _KEY_COLUMNS)

SELECT_CURRENT = f"""
SELECT DISTINCT ON (c.symbol, c.open_time) {", ".join("c." + part for part in _COLUMNS.split(", "))}, c.status
FROM candle c JOIN (VALUES %s) AS wanted (symbol, open_time)
  ON c.symbol = wanted.symbol AND c.open_time = wanted.open_time
WHERE c.interval = '1h'
ORDER BY c.symbol, c.open_time, c.revision DESC
"""  # noqa: S608 - column names of this package
UPSERT = f"""
INSERT INTO candle ({_COLUMNS}, status) VALUES %s
ON CONFLICT (symbol, interval, open_time, revision) DO UPDATE
SET {_UPDATES}, status = EXCLUDED.status, updated_at = clock_timestamp()
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


class CandleTable:
    """The `candle` and `sink_commit` tables of one namespace. Not for use by two threads at once."""

    def __init__(self, connect: Callable[[], Connection], abort: AbortSwitch | None = None) -> None:
        """Take a function that opens a connection; none is opened yet."""
        self._abort = abort or AbortSwitch(None)
        self._connect = connect
        self._connection: Connection | None = None

    def current(self, keys: Iterable[HourKey]) -> dict[HourKey, Current]:
        """Return the current row of each hour that has one.

        Raises:
            psycopg2.Error: if the server is away for longer than a few retries.
        """
        wanted = [(symbol, utc_time(open_ms)) for symbol, open_ms in keys]
        if not wanted:
            return {}

        def read(connection: Connection) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                rows: list[tuple[Any, ...]] = execute_values(
                    cursor, SELECT_CURRENT, wanted, "(%s, %s::timestamptz)", 1000, fetch=True
                )
            return rows

        found = (self._row(row) for row in self._in_transaction(read))
        return {key_of(row.candle): row for row in found}

    def last_batch(self, batch: Batch) -> int:
        """Return the last batch id committed for the batch's query and checkpoint, -1 if none."""

        def read(connection: Connection) -> int:
            with connection.cursor() as cursor:
                cursor.execute(LAST_BATCH, (batch.query, batch.checkpoint))
                row = cursor.fetchone()
            return row[0] if row else -1

        return self._in_transaction(read)

    def write(self, batch: Batch, final: Sequence[Candle], provisional: Sequence[Candle]) -> None:
        """Store a batch's rows and its commit row in one transaction.

        Provisional candles carry revision 1; where the hour has a final row they change nothing.

        Raises:
            SinkError: if another writer took one of the revisions meanwhile.
            psycopg2.Error: if the server is away for longer than a few retries.
        """
        rows = [_values(candle, "final") for candle in final]
        rows += [_values(candle, "provisional") for candle in provisional]

        def store(connection: Connection) -> None:
            with connection.cursor() as cursor:
                stored: list[tuple[Any, ...]] = []
                self._at("transaction_begun", final)
                if rows:
                    stored = execute_values(cursor, UPSERT, rows, page_size=1000, fetch=True)
                self._at("rows_written", final)
                written = sum(1 for _, _, status in stored if status == "final")
                if written != len(final):
                    message = (
                        f"batch {batch.batch_id}: {len(final) - written} of {len(final)} final "
                        "candles met a revision that another writer stored meanwhile"
                    )
                    raise SinkError(message)
                cursor.execute(COMMIT, (batch.query, batch.checkpoint, batch.batch_id))
                self._at("before_commit", final)

        self._in_transaction(store)

    def _at(self, point: str, final: Sequence[Candle]) -> None:
        """Pass a point, if there is something whose loss would show."""
        if final:
            self._abort.at(point)

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

    @staticmethod
    def _row(row: tuple[Any, ...]) -> Current:
        fields = dict(zip(_FIELDS, row, strict=False))
        fields["open_time_ms"] = epoch_ms(fields["open_time_ms"])
        return Current(Candle(**fields), row[-1] == "final")


def _values(candle: Candle, status: str) -> tuple[Any, ...]:
    fields = {name: getattr(candle, name) for name in _FIELDS}
    fields["open_time_ms"] = utc_time(candle.open_time_ms)
    if status == "provisional":
        fields["verdict"] = fields["reason"] = fields["witness"] = None
    return (*fields.values(), status)
