"""Migrations on a real server: several at once, and from an older version with rows."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator

import psycopg2
import pytest
from pydantic import SecretStr

from conf.connections.postgres import fetch, migrate
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support.bundle import ROOT
from tests.support.eventually import eventually
from tests.support.own_postgres import postgres_server

pytestmark = pytest.mark.integration

MIGRATE = """
import sys
from conf.connections.postgres import migrate
from conf.names import Namespace
from conf.settings import PostgresSettings
migrate(PostgresSettings(url=sys.argv[1]), Namespace(sys.argv[2]))
"""
AT_ONCE = 3


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresSettings]:
    with postgres_server() as settings:
        yield settings


@pytest.fixture
def namespace() -> Namespace:
    return Namespace(f"g-{uuid.uuid4().hex[:12]}")


def test_several_that_migrate_at_the_same_moment(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    url = postgres.url.get_secret_value()
    barrier = psycopg2.connect(url)
    with barrier.cursor() as cursor:  # all wait until this is rolled back, and then start together
        cursor.execute(f'CREATE SCHEMA "{namespace.sql_schema}"')
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url, namespace.name],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(AT_ONCE)
    ]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    try:
        eventually(lambda: fetch(postgres, namespace, waiting) == [(AT_ONCE,)], 60)
    finally:
        barrier.rollback()
        barrier.close()
    ends = [(process.wait(60), process.communicate()[1]) for process in started]
    assert ends == [(0, "")] * AT_ONCE
    assert fetch(postgres, namespace, "SELECT count(*) FROM topic_position") == [(0,)]


def test_rows_of_the_first_version_outlive_the_upgrade(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    migrate(postgres, namespace, "0001")
    fetch(
        postgres,
        namespace,
        "INSERT INTO incident (kind, symbol, first_id, last_id, detail, happened_at) "
        "VALUES ('gap', 'BTCUSDT', 5, 9, 'x', '2026-01-01Z'), ('gap', NULL, 1, 2, NULL, '2026-01-02Z');"
        "INSERT INTO feed_status (symbol, last_trade_id, last_trade_time) "
        "VALUES ('BTCUSDT', 7, '2026-01-01Z')",
    )
    migrate(postgres, namespace)
    kept = "SELECT kind, first_id, started_at::date::text, producer FROM incident ORDER BY id"
    assert fetch(postgres, namespace, kept) == [
        ("gap", 5, "2026-01-01", None),
        ("gap", 1, "2026-01-02", None),
    ]
    kept = "SELECT symbol, last_trade_id, state, exchange_time FROM feed_status"
    assert fetch(postgres, namespace, kept) == [("BTCUSDT", 7, None, None)]
    migrate(postgres, namespace)  # a second time does nothing


def test_both_roles_may_use_what_is_new(postgres: PostgresSettings, namespace: Namespace) -> None:
    migrate(postgres, namespace)
    granted = (
        "SELECT has_table_privilege('nexthour_reader', 'topic_position', 'SELECT'), "
        "has_table_privilege('nexthour_reader', 'topic_position', 'INSERT'), "
        "has_table_privilege('nexthour_writer', 'topic_position', 'INSERT, UPDATE, DELETE'), "
        "has_column_privilege('nexthour_reader', 'feed_status', 'exchange_time', 'SELECT')"
    )
    assert fetch(postgres, namespace, granted) == [(True, False, True, True)]
    all_tables = (
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') "
        "AND relnamespace = current_schema()::regnamespace AND relname <> 'alembic_version' "
        "AND NOT (has_table_privilege('nexthour_reader', oid, 'SELECT') "
        "AND NOT has_table_privilege('nexthour_reader', oid, 'INSERT') "
        "AND (relkind = 'v' OR has_table_privilege('nexthour_writer', oid, 'INSERT')))"
    )
    assert fetch(postgres, namespace, all_tables) == []


def test_server_that_is_away_is_an_error_of_the_client(namespace: Namespace) -> None:
    with pytest.raises(psycopg2.OperationalError, match=r"127\.0\.0\.1"):
        migrate(PostgresSettings(url=SecretStr("postgresql://x@127.0.0.1:9/x")), namespace)
