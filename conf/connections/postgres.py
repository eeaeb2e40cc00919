"""Connections to Postgres and the migration of a namespace's schema."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.names import Namespace
from conf.settings import PostgresSettings

READER_ROLE = "nexthour_reader"


def connect(
    settings: PostgresSettings, namespace: Namespace, *, role: str | None = None
) -> Connection:
    """Open a connection whose search path is the namespace's schema and whose time zone is UTC.

    Args:
        settings: where the server is.
        namespace: whose tables to see.
        role: role to take on, for example `READER_ROLE` for the dashboard.

    Raises:
        psycopg2.OperationalError: if the server cannot be reached in `connect_timeout_s`.
    """
    options = (
        f"-c search_path={namespace.sql_schema} -c timezone=UTC "
        f"-c statement_timeout={settings.statement_timeout_ms}"
    )
    if role:
        options += f" -c role={role}"
    return psycopg2.connect(
        settings.url.get_secret_value(),
        connect_timeout=settings.connect_timeout_s,
        options=options,
        application_name=f"nexthour-{namespace.name}",
    )


def fetch(
    settings: PostgresSettings, namespace: Namespace, statement: str, values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """Run one statement in a transaction and over a connection of its own; return its rows.

    Args:
        settings: where the server is.
        namespace: whose tables.
        statement: with ``%s`` for each value.
        values: of the statement.

    Raises:
        psycopg2.Error: if the server cannot be reached or refuses.
    """
    with (
        closing(connect(settings, namespace)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def migrate(settings: PostgresSettings, namespace: Namespace, revision: str = "head") -> None:
    """Bring the namespace's schema to the newest version; does nothing if it is there.

    Several may call this at the same moment: one migrates, the others wait for it.

    Args:
        settings: where the server is.
        namespace: whose schema.
        revision: version to stop at.

    Raises:
        psycopg2.Error: if the server cannot be reached or refuses.
    """
    # A second of imports that no process needs which only reads or writes rows.
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parents[1] / "contracts" / "migrations")
    )
    url = settings.url.get_secret_value().replace("postgresql://", "postgresql+psycopg2://", 1)
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            config.attributes["schema"] = namespace.sql_schema
            command.upgrade(config, revision)
            connection.commit()
    except DBAPIError as error:
        if isinstance(error.orig, psycopg2.Error):
            raise error.orig from error
        raise
