"""A small pool of read-only connections to the namespace's tables, shared by all viewers."""

from __future__ import annotations

import queue
import select
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.postgres import READER_ROLE, connect
from conf.names import Namespace
from conf.settings import PostgresSettings

# A viewer must be told within five seconds that the store is away, so both bounds stay below it.
CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_MS = 3000
IDLE_CONNECTIONS = 4
# Scores of 90 days are 24,000 groups, which Postgres' usual 4 MB made it write to disk.
WORK_MEM = "16MB"


class StoreDownError(Exception):
    """Postgres does not answer. Operator action: start it; the dashboard recovers by itself."""


class StoreNotReadyError(Exception):
    """Postgres answers, but the namespace has no tables yet: the run is still starting."""


class Store:
    """Lends connections, one thread at a time each, and opens new ones after a failure.

    Streamlit runs each viewer's refresh on a thread of its own, so that a connection per thread
    would be a connection per refresh; a few idle ones are kept instead.
    """

    def __init__(self, settings: PostgresSettings, namespace: Namespace) -> None:
        self._settings = settings.model_copy(
            update={
                "connect_timeout_s": min(settings.connect_timeout_s, CONNECT_TIMEOUT_S),
                "statement_timeout_ms": min(settings.statement_timeout_ms, STATEMENT_TIMEOUT_MS),
            }
        )
        self._namespace = namespace
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue(IDLE_CONNECTIONS)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection inside one read-only snapshot, so that a page's figures agree.

        Raises:
            StoreDownError: if the server cannot be reached, went away, or was too slow.
            StoreNotReadyError: if the tables are not there, of an older version, or not for readers.
        """
        connection = self._take()
        try:
            yield connection
            connection.rollback()
        except (
            psycopg2.errors.UndefinedTable,
            psycopg2.errors.UndefinedColumn,
            psycopg2.errors.InvalidSchemaName,
            psycopg2.errors.InsufficientPrivilege,
        ) as error:
            connection.close()
            message = f"namespace {self._namespace.name!r} has no tables yet"
            raise StoreNotReadyError(message) from error
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            connection.close()
            raise StoreDownError(str(error).strip()) from error
        except BaseException:
            connection.close()  # in what state it is, nobody knows
            raise
        self._give_back(connection)

    def close(self) -> None:
        """Close the idle connections."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _take(self) -> Connection:
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return self._open()
            if self._is_alive(connection):
                return connection
            connection.close()

    @staticmethod
    def _is_alive(connection: Connection) -> bool:
        """Look whether the server closed it: until it is used it looks open, but has something to read.

        Not by a statement: that was a tenth of all work for twenty viewers.
        """
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return not poll.poll(0)

    def _open(self) -> Connection:
        try:
            connection = connect(self._settings, self._namespace, role=READER_ROLE)
        except psycopg2.OperationalError as error:
            if "role" in str(error) and "does not exist" in str(error):
                message = f"namespace {self._namespace.name!r} has no tables yet"
                raise StoreNotReadyError(message) from error
            raise StoreDownError(str(error).strip()) from error
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("SET work_mem = %s", (WORK_MEM,))
        connection.commit()
        return connection

    def _give_back(self, connection: Connection) -> None:
        try:
            self._idle.put_nowait(connection)
        except queue.Full:
            connection.close()
