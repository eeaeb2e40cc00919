"""Fixtures of the read API's tests: one Postgres for all, namespaces and clients in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support import dashboard_data as data
from tests.support.api_data import prepared_namespace
from tests.support.api_server import api_client
from tests.support.own_postgres import postgres_server


@pytest.fixture(scope="package")
def postgres() -> Iterator[PostgresSettings]:
    """A server for all of these tests."""
    with postgres_server() as settings:
        yield settings


@pytest.fixture(scope="package")
def filled(postgres: PostgresSettings) -> Namespace:
    """A namespace of every state, which tests only read."""
    return data.filled_namespace(postgres, "api-filled")


@pytest.fixture(scope="package")
def client(postgres: PostgresSettings, filled: Namespace) -> Iterator[TestClient]:
    """A client of the filled namespace."""
    with api_client(postgres, filled) as found:
        yield found


@pytest.fixture
def namespace(postgres: PostgresSettings) -> Namespace:
    """A namespace of the test's own, prepared and empty."""
    return prepared_namespace(postgres, f"a-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def writer(postgres: PostgresSettings, namespace: Namespace) -> Iterator[Connection]:
    """A connection that may write to the test's own namespace."""
    connection = connect(postgres, namespace)
    yield connection
    connection.close()


@pytest.fixture
def own(postgres: PostgresSettings, namespace: Namespace) -> Iterator[TestClient]:
    """A client of the test's own namespace."""
    with api_client(postgres, namespace) as found:
        yield found
