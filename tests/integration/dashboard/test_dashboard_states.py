"""Every page while data are missing, old, or the store does not answer."""

from __future__ import annotations

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from pydantic import SecretStr

from conf.names import Namespace
from conf.settings import PostgresSettings
from streamlit_app.queries import run as run_queries
from streamlit_app.store import Store, StoreDownError, StoreNotReadyError
from tests.support.dashboard_pages import open_app
from tests.support.own_postgres import create_namespace

pytestmark = pytest.mark.integration

VIEWS = [None, "coin", "quality", "projection", "data", "system", "analysis"]


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_stands_in_an_empty_namespace(
    view: str | None, postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = create_namespace(postgres, f"empty-{view or 'overview'}")
    monkeypatch.setenv("NEXTHOUR_NAMESPACE", empty.name)
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", postgres.url.get_secret_value())
    page = open_app(view)
    assert not page.error
    told = [element.value for element in page.info]
    assert told[0] == "No candle yet: history is being loaded."
    own = {"projection": "No long projection", "analysis": "No analysis yet. S"}
    assert [text[:18] for text in told[1:]] == [own[view]] if view in own else told[1:] == []


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_waits_for_tables_that_are_not_there_yet(
    view: str | None, postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTHOUR_NAMESPACE", "not-yet")
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", postgres.url.get_secret_value())
    page = open_app(view)
    assert not page.error
    assert "The run is starting" in page.info[0].value


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_says_that_the_store_is_down(
    view: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTHOUR_NAMESPACE", "demo")
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", "postgresql://postgres@127.0.0.1:9/postgres")
    page = open_app(view)
    assert len(page.error) == 1
    assert "The database does not answer" in page.error[0].value


def test_old_data_is_called_old(namespace: Namespace, writer: Connection) -> None:
    with writer, writer.cursor() as cursor:
        cursor.execute("UPDATE candle SET updated_at = updated_at - interval '5 minutes'")
    page = open_app()
    assert "Nothing new for 5 min" in page.warning[0].value


def test_connections_that_the_server_closed_are_replaced(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    store = Store(postgres, namespace)
    with store.reading() as connection:
        first = connection.info.backend_pid
        assert len(run_queries.symbols(connection)) == 10
    with writer, writer.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))  # waits for its end
    with store.reading() as connection:
        assert connection.info.backend_pid != first
        assert len(run_queries.symbols(connection)) == 10
    store.close()


def test_the_dashboard_can_read_and_nothing_else(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    store = Store(postgres, namespace)
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction), store.reading() as connection:
        connection.cursor().execute("DELETE FROM candle")
    with store.reading() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user, has_table_privilege('candle', 'INSERT')")
        assert cursor.fetchone() == ("nexthour_reader", False)
    store.close()


def test_a_slow_statement_is_a_store_that_does_not_answer(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    hasty = postgres.model_copy(update={"statement_timeout_ms": 50})
    store = Store(hasty, namespace)
    with pytest.raises(StoreDownError), store.reading() as connection:
        connection.cursor().execute("SELECT pg_sleep(5)")
    store.close()


def test_store_errors_say_which_it_is(postgres: PostgresSettings) -> None:
    away = postgres.model_copy(
        update={"url": SecretStr("postgresql://postgres@127.0.0.1:9/postgres")}
    )
    with pytest.raises(StoreDownError), Store(away, Namespace("demo")).reading():
        pass
    with (
        pytest.raises(StoreNotReadyError),
        Store(postgres, Namespace("nobody")).reading() as connection,
    ):
        run_queries.symbols(connection)
