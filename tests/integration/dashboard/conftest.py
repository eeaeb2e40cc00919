"""A Postgres that holds every state a page can be in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support import dashboard_data as data
from tests.support.own_postgres import postgres_server


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresSettings]:
    with postgres_server() as settings:
        yield settings


@pytest.fixture
def namespace(postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """A filled namespace of the test's own, named in the environment as for the real dashboard."""
    found = data.filled_namespace(postgres, f"d-{uuid.uuid4().hex[:12]}")
    monkeypatch.setenv("NEXTHOUR_NAMESPACE", found.name)
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", postgres.url.get_secret_value())
    return found


@pytest.fixture
def writer(postgres: PostgresSettings, namespace: Namespace) -> Iterator[Connection]:
    connection = connect(postgres, namespace)
    yield connection
    connection.close()
