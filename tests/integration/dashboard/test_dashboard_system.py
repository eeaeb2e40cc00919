"""System: what runs, what is wrong, and what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from streamlit_app.queries import incidents as incident_queries
from streamlit_app.queries import run as run_queries
from streamlit_app.queries import system as system_queries
from streamlit_app.store import Store
from tests.support import dashboard_data as data
from tests.support.dashboard_pages import bodies, open_app

pytestmark = pytest.mark.integration


@pytest.mark.usefixtures("namespace")
def test_system_page_shows_run_jobs_rows_and_incidents() -> None:
    text = bodies(open_app("system"))
    for words in ("synthetic × 180", "candles", "forecasts", "20,112 – 20,117", "USDCUSDT"):
        assert words in text
    for words in ("7 of 10 feeds live", "silent: trades are overdue", "filling a hole"):
        assert words in text
    assert text.index("handover") < text.index("alarm: gap declared"), "newest first"


def test_an_alarm_is_not_pushed_out_by_what_goes_its_usual_way(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    with writer, writer.cursor() as cursor:
        cursor.execute(
            "INSERT INTO incident (kind, started_at) "
            "SELECT 'handover', clock_timestamp() FROM generate_series(1, 100)"
        )
    store = Store(postgres, namespace)
    with store.reading() as connection:
        kinds = [row.kind for row in incident_queries.newest(connection)]
    store.close()
    assert kinds == ["handover"] * incident_queries.MOST_INCIDENTS + [
        "late_trades",
        "gap_declared",
    ]


def test_exchange_time_is_told_by_a_producers_report(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    later = data.LIVE_START + timedelta(days=2)
    with writer, writer.cursor() as cursor:
        cursor.execute(
            "UPDATE feed_status SET exchange_time = %s, updated_at = clock_timestamp() "
            "WHERE symbol = 'BTCUSDT'",
            (later,),
        )
    store = Store(postgres, namespace)
    with store.reading() as connection:
        now = run_queries.run_state(connection).exchange_now
    store.close()
    assert now is not None
    assert timedelta(0) <= now - later < timedelta(seconds=30 * data.SPEED)


def test_a_symbol_that_nobody_reports_is_shown_and_so_is_one_that_nobody_follows(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    with writer, writer.cursor() as cursor:
        cursor.execute("UPDATE feed_status SET symbol = 'NEWUSDT' WHERE symbol = 'BTCUSDT'")
    store = Store(postgres, namespace)
    with store.reading() as connection:
        rows = system_queries.feed(connection)
    store.close()
    assert [row.symbol for row in rows] == [*DEFAULT_SYMBOLS, "NEWUSDT"]
    assert [row.state for row in rows[:2]] == [None, "live"]


def test_tables_of_an_older_version_are_a_run_that_is_starting(
    namespace: Namespace, writer: Connection
) -> None:
    with writer, writer.cursor() as cursor:
        cursor.execute("ALTER TABLE feed_status DROP COLUMN exchange_time")
    page = open_app("system")
    assert not page.error
    assert "The run is starting" in page.info[0].value


@pytest.mark.usefixtures("namespace")
def test_system_page_says_what_is_wrong_and_what_to_do() -> None:
    text = bodies(open_app("system"))
    for words in ("trades are overdue", "the last comparison of", "nexthour repair", "drift: "):
        assert words in text
