"""Every page run by Streamlit's AppTest against a real Postgres that holds every state."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from streamlit_app import formatting, probe, queries
from streamlit_app.store import Store, StoreDownError, StoreNotReadyError
from tests.support import dashboard_data as data

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresSettings]:
    with data.postgres_server() as settings:
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


def open_app(view: str | None = None, **params: str) -> AppTest:
    page = AppTest.from_file(str(probe.APP), default_timeout=30)
    for name, value in params.items():
        page.query_params[name] = value
    page.run()
    if view:
        page.switch_page(f"views/{view}.py").run()
    assert not page.exception, [element.message for element in page.exception]
    return page


def bodies(page: AppTest) -> str:
    return "".join(element.proto.body for element in page.get("html"))


def fields(page: AppTest) -> dict[tuple[str | None, str], str]:
    return probe.read_fields([element.proto.body for element in page.get("html")])[0]


@pytest.mark.usefixtures("namespace")
def test_overview_shows_ten_coins_with_close_median_and_band(writer: Connection) -> None:
    texts = fields(open_app())
    with writer.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (symbol) symbol, close FROM candle_current WHERE status = 'final' "
            "ORDER BY symbol, open_time DESC"
        )
        closes = dict(cursor.fetchall())
        cursor.execute(
            "SELECT DISTINCT ON (symbol) symbol, q50 FROM forecast ORDER BY symbol, target_open_time DESC"
        )
        medians = dict(cursor.fetchall())
    assert set(closes) == set(DEFAULT_SYMBOLS)
    for symbol in DEFAULT_SYMBOLS:
        assert formatting.price_number(texts[symbol, "close"]) == closes[symbol]
        if symbol == data.REFUSED_SYMBOL:
            assert texts[symbol, "refusal"] == f"refused: {data.REFUSAL_REASON}"
        else:
            assert formatting.price_number(texts[symbol, "median"]) == medians[symbol]
            assert "–" in texts[symbol, "band"]
    assert texts[None, "source"] == "synthetic × 180"
    assert "not trading advice" in texts[None, "note"]
    assert "≈ 2026-01-02 06:" in texts[None, "exchange-time"]


@pytest.mark.usefixtures("namespace")
def test_overview_strip_tells_hole_quiet_disputed_and_revised_apart() -> None:
    page = open_app()
    strips = {
        symbol: body
        for body in (element.proto.body for element in page.get("html"))
        for symbol in DEFAULT_SYMBOLS
        if f'data-symbol="{symbol}"' in body
    }
    odd, plain = strips[data.ODD_SYMBOL], strips["BTCUSDT"]
    for kind in ("hole", "quiet", "disputed", "complete revised"):
        assert f'class="{kind}"' in odd
        assert f'class="{kind}"' not in plain
    assert data.DISPUTED_REASON in odd


@pytest.mark.usefixtures("namespace")
def test_coin_page_marks_each_odd_hour_with_its_reason() -> None:
    page = open_app("coin", symbol=data.ODD_SYMBOL, tz="Asia/Tokyo")
    text = bodies(page)
    assert "2026-01-02 00:00 Asia/Tokyo · 2026-01-01 15:00 UTC" in text
    for words in (
        data.DISPUTED_REASON,
        "hole: no candle",
        "quiet: nobody traded",
        "revision 2",
        "begins inside",
    ):
        assert words in text
    chart = page.get("vega_lite_chart")
    assert len(chart) == 1
    assert "not trading advice" in text


@pytest.mark.usefixtures("namespace")
def test_coin_page_survives_an_address_that_somebody_made_up() -> None:
    page = open_app("coin", symbol="NOSUCH", tz="Mars/Olympus", range="9 lives")
    assert "BTC in USDT" in bodies(page)


@pytest.mark.usefixtures("namespace")
def test_quality_page_names_the_model_and_refuses_to_judge_early() -> None:
    texts = fields(open_app("quality"))
    assert texts[None, "model"] == data.VERSION
    assert texts[None, "model-status"] == "bootstrap"
    assert texts[None, "opinion"].startswith("Too few hours to judge: ")
    assert "not trading advice" in texts[None, "note"]


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
        kinds = [row.kind for row in queries.incidents(connection)]
    store.close()
    assert kinds == ["handover"] * queries.MAX_INCIDENTS + ["gap_declared"]


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
        now = queries.run_state(connection).exchange_now
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
        rows = queries.feed(connection)
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


@pytest.mark.parametrize("view", [None, "coin", "quality", "system"])
def test_every_page_stands_in_an_empty_namespace(
    view: str | None, postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = data.create_namespace(postgres, f"empty-{view or 'overview'}")
    monkeypatch.setenv("NEXTHOUR_NAMESPACE", empty.name)
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", postgres.url.get_secret_value())
    page = open_app(view)
    assert not page.error
    assert [element.value for element in page.info] == ["No candle yet: history is being loaded."]


@pytest.mark.parametrize("view", [None, "coin", "quality", "system"])
def test_every_page_waits_for_tables_that_are_not_there_yet(
    view: str | None, postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTHOUR_NAMESPACE", "not-yet")
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", postgres.url.get_secret_value())
    page = open_app(view)
    assert not page.error
    assert "The run is starting" in page.info[0].value


@pytest.mark.parametrize("view", [None, "coin", "quality", "system"])
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
        assert len(queries.symbols(connection)) == 10
    with writer, writer.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (first,))
    with store.reading() as connection:
        assert connection.info.backend_pid != first
        assert len(queries.symbols(connection)) == 10
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
        queries.symbols(connection)


def test_candles_show_the_current_revision_once(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    store = Store(postgres, namespace)
    with store.reading() as connection:
        rows = queries.candles(connection, data.ODD_SYMBOL, data.LIVE_START)
    store.close()
    times = [row.open_time for row in rows]
    assert times == sorted(set(times))
    assert data.HOLE not in times
    assert {row.open_time: row.revision for row in rows}[data.REVISED] == 2


def test_a_forecast_is_shown_as_it_was_first_made(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    with writer, writer.cursor() as cursor:
        cursor.execute(
            "INSERT INTO forecast SELECT symbol, target_open_time, 'later', kind, as_of_open_time, "
            "issued_at, last_close, 1, 1, 1, 1, 1, is_fallback, refusal_reason, input_verdict, mask, "
            "feature_hash, clock_timestamp() FROM forecast WHERE symbol = 'BTCUSDT'"
        )
    store = Store(postgres, namespace)
    with store.reading() as connection:
        rows = queries.forecasts(connection, "BTCUSDT", data.LIVE_START)
        newest = {coin.info.symbol: coin.forecast for coin in queries.overview(connection)}
    store.close()
    assert len(rows) == data.LIVE_HOURS - 1  # the first hour had none
    assert {row.model_version for row in rows} == {data.VERSION}
    assert newest["BTCUSDT"] is not None
    assert newest["BTCUSDT"].q50 != Decimal(1)


@pytest.mark.usefixtures("namespace")
def test_probe_reports_what_the_page_shows() -> None:
    found = probe.probe("http://127.0.0.1:9")
    assert not found.is_healthy
    assert set(found.closes) == set(DEFAULT_SYMBOLS)
    assert set(found.medians) == set(DEFAULT_SYMBOLS) - {data.REFUSED_SYMBOL}
    assert set(found.refusals) == {data.REFUSED_SYMBOL}
    assert set(found.close_hours.values()) == {"2026-01-02T05:00Z"}
    assert set(found.median_hours.values()) == {"2026-01-02T06:00Z"}
    assert found.errors == ()
    assert not found.is_complete(DEFAULT_SYMBOLS)


def test_scores_are_those_of_the_ledger(postgres: PostgresSettings, namespace: Namespace) -> None:
    store = Store(postgres, namespace)
    with store.reading() as connection:
        found = queries.scores(connection, data.LIVE_START)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT symbol, target_open_time, verdict, in_band_90, abs_error::float8, "
                "naive_abs_error::float8 FROM forecast_score_current WHERE kind = 'live' "
                "ORDER BY target_open_time, symbol"
            )
            expected = cursor.fetchall()
    store.close()
    columns = [
        "symbol",
        "target_open_time",
        "verdict",
        "in_band_90",
        "abs_error",
        "naive_abs_error",
    ]
    assert len(expected) > 200
    assert list(found[columns].itertuples(index=False, name=None)) == expected
