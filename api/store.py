"""A bounded pool of read-only connections to the namespace's tables, shared by all requests."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.errors import StoreBusyError, StoreDownError, StoreNotReadyError, StoreSlowError
from api.wire import speak_wire
from conf.api import ApiSettings
from conf.connections.postgres import READER_ROLE, connect
from conf.names import Namespace
from conf.settings import PostgresSettings

T = TypeVar("T")

_NOT_READY = (
    psycopg2.errors.UndefinedTable,
    psycopg2.errors.UndefinedColumn,
    psycopg2.errors.InvalidSchemaName,
    psycopg2.errors.InsufficientPrivilege,
)


class Store:
    """Runs work on a connection of the reader role, which can only read.

    At most `settings.pool_size` connections are open. One that the server has closed meanwhile is
    noticed at its first statement; the work is then done again on a new one, which is safe since
    nothing is written.
    """

    def __init__(
        self, postgres: PostgresSettings, namespace: Namespace, settings: ApiSettings
    ) -> None:
        self.namespace = namespace
        self._postgres = postgres.model_copy(
            update={
                "connect_timeout_s": settings.connect_timeout_s,
                "statement_timeout_ms": settings.statement_timeout_ms,
            }
        )
        self._wait_s = settings.pool_wait_s
        self._free = threading.BoundedSemaphore(settings.pool_size)
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what the work returns; all its statements see one snapshot.

        Raises:
            StoreDownError: if the server cannot be reached or went away.
            StoreNotReadyError: if the namespace has no tables, or they are of an older version.
            StoreBusyError: if no connection became free in time.
            StoreSlowError: if a statement took too long.
        """
        return self.glance(lambda connection: _in_snapshot(connection, work))

    def glance(self, work: Callable[[Connection], T]) -> T:
        """Do the same without a transaction: each statement sees what is there when it begins."""
        with self._place():
            while True:
                try:
                    connection = self._idle.get_nowait()
                except queue.Empty:
                    break
                try:
                    return self._attempt(connection, work)
                except StoreDownError:
                    continue  # closed while it lay idle; the others may be, too
            return self._attempt(self._open(), work)

    def close(self) -> None:
        """Close the idle connections."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._free.acquire(timeout=self._wait_s):
            message = f"all connections to the database were in use for {self._wait_s:g} s; try again later"
            raise StoreBusyError(message)
        try:
            yield
        finally:
            self._free.release()

    def _attempt(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        try:
            result = work(connection)
        except psycopg2.errors.QueryCanceled as error:
            connection.close()
            message = (
                f"the database took longer than {self._postgres.statement_timeout_ms / 1000:g} s; "
                "ask for a smaller range or fewer rows"
            )
            raise StoreSlowError(message) from error
        except _NOT_READY as error:
            connection.close()
            raise self._not_ready() from error
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            connection.close()
            raise StoreDownError(_DOWN) from error
        except BaseException:
            connection.close()  # in what state it is, nobody knows
            raise
        self._idle.put_nowait(connection)
        return result

    def _open(self) -> Connection:
        try:
            connection = connect(self._postgres, self.namespace, role=READER_ROLE)
            connection.set_session("REPEATABLE READ", readonly=True, autocommit=True)
        except psycopg2.OperationalError as error:
            if "role" in str(error) and "does not exist" in str(error):
                raise self._not_ready() from error
            raise StoreDownError(_DOWN) from error
        speak_wire(connection)
        return connection

    def _not_ready(self) -> StoreNotReadyError:
        return StoreNotReadyError(
            f"namespace {self.namespace.name!r} has no tables of this version yet; the run is starting, or NEXTHOUR_NAMESPACE names another"
        )


def _in_snapshot(connection: Connection, work: Callable[[Connection], T]) -> T:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        result = work(connection)
        cursor.execute("ROLLBACK")
    return result


_DOWN = "the database does not answer; try again later"
