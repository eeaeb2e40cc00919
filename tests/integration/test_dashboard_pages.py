"""Every page run by Streamlit's AppTest against a real Postgres that holds every state."""

from __future__ import annotations

import statistics
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
from streamlit_app import formatting, probe
from streamlit_app.intervals import DAILY, FOUR_HOURS, HOURLY
from streamlit_app.queries import bars as bar_queries
from streamlit_app.queries import incidents as incident_queries
from streamlit_app.queries import overview as overview_queries
from streamlit_app.queries import run as run_queries
from streamlit_app.queries import scores as score_queries
from streamlit_app.queries import system as system_queries
from streamlit_app.store import Store, StoreDownError, StoreNotReadyError
from tests.support import dashboard_data as data

pytestmark = pytest.mark.integration

VIEWS = [None, "coin", "quality", "projection", "data", "system", "analysis"]


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


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_stands_in_an_empty_namespace(
    view: str | None, postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = data.create_namespace(postgres, f"empty-{view or 'overview'}")
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
        cursor.execute("SELECT pg_terminate_backend(%s)", (first,))
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


def test_candles_show_the_current_revision_once(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    store = Store(postgres, namespace)
    with store.reading() as connection:
        rows = bar_queries.bars(
            connection, data.ODD_SYMBOL, HOURLY, data.LIVE_START, data.LIVE_START + 2 * DAILY.step
        )
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
        rows = bar_queries.forecasts(
            connection, "BTCUSDT", data.LIVE_START, data.LIVE_START + 2 * DAILY.step
        )
        newest = {coin.info.symbol: coin.forecast for coin in overview_queries.overview(connection)}
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


def test_longer_bars_add_up_and_count_what_is_odd(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    store = Store(postgres, namespace)
    until = data.LIVE_START + 2 * DAILY.step
    with store.reading() as connection:
        hours = bar_queries.bars(connection, data.ODD_SYMBOL, HOURLY, data.LIVE_START, until)
        days = bar_queries.bars(connection, data.ODD_SYMBOL, DAILY, data.LIVE_START, until)
        quarter = bar_queries.bars(connection, "BTCUSDT", FOUR_HOURS, data.LIVE_START, until)
        scores = bar_queries.bar_scores(connection, data.ODD_SYMBOL, DAILY, data.LIVE_START, until)
    store.close()
    first = [hour for hour in hours if hour.open_time < data.LIVE_START + DAILY.step]
    assert [day.hours for day in days] == [23, 7]
    assert (days[0].partial, days[0].quiet, days[0].disputed, days[0].revised) == (1, 1, 1, 1)
    assert days[0].open == first[0].open
    assert days[0].close == first[-1].close
    assert days[0].high == max(hour.high for hour in first if hour.high is not None)
    assert days[0].low == min(hour.low for hour in first if hour.low is not None)
    assert days[0].volume == sum(hour.volume for hour in first if hour.volume is not None)
    assert days[0].trades == sum(hour.trades for hour in first if hour.trades is not None)
    assert [day.is_running for day in days] == [False, True]
    assert [bar.hours for bar in quarter] == [4] * 7 + [3]
    assert [score.forecasts for score in scores] == [20, 6]
    assert all(score.inside_50 <= score.inside_90 <= score.forecasts for score in scores)


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("bars", ["1 hour", "4 hours", "1 day", "1 week"])
def test_coin_page_draws_bars_of_every_length(bars: str) -> None:
    page = open_app("coin", symbol=data.ODD_SYMBOL, range="all", bars=bars, indicators="RSI")
    assert len(page.get("vega_lite_chart")) == 1
    assert "to look at twice" in bodies(page)
    assert ("in the tooltip" in bodies(page)) is (bars != "1 hour")


@pytest.mark.usefixtures("namespace")
def test_projection_page_shows_scenarios_and_their_method() -> None:
    texts = fields(open_app("projection", symbol="POLUSDT"))
    assert "not a forecast of direction" in texts[None, "scenarios"]
    assert "short history" in texts[None, "method"]
    assert "not trading advice" in texts[None, "note"]
    older = open_app("projection", symbol="POLUSDT", origin="2026-01-01T00:00Z")
    assert "From 2026-01-01 00:00 UTC" in bodies(older)


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("by", ["days", "weeks"])
def test_analysis_page_draws_all_that_spark_wrote(by: str) -> None:
    page = open_app("analysis", symbol="ETHUSDT", by=by, since="1 year", compare="ETHUSDT")
    text = bodies(page)
    assert "96,000 hours of 10 coins" in fields(page)[None, "analysis"]
    assert len(page.get("vega_lite_chart")) == 6
    assert ("Week from" in text) is (by == "weeks")
    assert "2026-01-01" in text or by == "weeks"


@pytest.mark.usefixtures("namespace")
def test_quality_page_shows_the_league_and_predicted_beside_actual() -> None:
    page = open_app("quality", coin="ETHUSDT")
    text = bodies(page)
    assert "Better than the last price: lstm." in text
    for words in ("lightgbm", "0.9991 (0.9971 – 1.0011)", "1 h 26 min", "3 min 30 s", "Median off"):
        assert words in text
    assert len(page.get("vega_lite_chart")) == 4


def test_what_is_better_is_said_and_nothing_else(writer: Connection) -> None:
    with writer, writer.cursor() as cursor:
        cursor.execute("UPDATE evaluation_model SET is_better = false")
    assert "None of the models is better than the last price." in bodies(open_app("quality"))
    with writer, writer.cursor() as cursor:
        cursor.execute("DELETE FROM evaluation_run")
    assert "No evaluation is recorded here yet" in bodies(open_app("quality"))


@pytest.mark.usefixtures("namespace")
def test_data_page_counts_verdicts_gaps_revisions_and_comparisons() -> None:
    page = open_app("data")
    text, texts = bodies(page), fields(page)
    assert "1 missing" in texts[None, "verdicts"]
    assert "are not equal" in texts[None, "reconcile"]
    assert "1 of the last 2 comparisons were green" in texts[None, "reconcile"]
    for words in (
        *("22 of 24 equal; 1 missing, 1 different", "missing: no file of this hour"),
        *("trades 420 → 425", "late records", "(6 ids)", "alarm: gap declared", ">48,213<"),
    ):
        assert words in text
    chosen = bodies(open_app("data", kind="gap_filled", of="ETHUSDT"))
    assert "None so far" in chosen


@pytest.mark.usefixtures("namespace")
def test_system_page_says_what_is_wrong_and_what_to_do() -> None:
    text = bodies(open_app("system"))
    for words in ("trades are overdue", "the last comparison of", "nexthour repair", "drift: "):
        assert words in text


def test_scores_are_those_of_the_ledger(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    with writer, writer.cursor() as cursor:  # one that may not count: the fallback made it
        cursor.execute(
            "UPDATE forecast SET is_fallback = true WHERE symbol = 'BNBUSDT' AND target_open_time = %s",
            (data.QUIET,),
        )
        cursor.execute(
            "SELECT symbol, target_open_time, abs_error / last_close, naive_abs_error / last_close, "
            "in_band_90 FROM forecast_score_current WHERE kind = 'live' "
            "AND verdict IN ('complete', 'quiet') AND NOT (symbol = 'BNBUSDT' AND target_open_time = %s)",
            (data.QUIET,),
        )
        ledger = cursor.fetchall()
    store = Store(postgres, namespace)
    last = data.LIVE_START + 29 * data.HOUR
    stable = ("USDCUSDT",)
    with store.reading() as connection:
        found = score_queries.scores(connection, last, 30 * DAILY.step, stable)
        by_hour = score_queries.hour_scores(connection, last, 30 * DAILY.step, None, stable)
        only = score_queries.hour_scores(connection, last, DAILY.step, "USDCUSDT", stable)
    store.close()
    assert [row.symbol for row in found] == [None, *DEFAULT_SYMBOLS]
    rows = {row.symbol: row for row in found}
    assert (rows["BNBUSDT"].fallbacks, rows[data.ODD_SYMBOL].unjudged) == (1, 2)
    for symbol in (*DEFAULT_SYMBOLS, None):
        own = [
            row
            for row in ledger
            if row[0] == (symbol or row[0]) and (symbol or row[0] not in stable)
        ]
        assert rows[symbol].forecasts == len(own)
        assert rows[symbol].error == pytest.approx(float(sum(row[2] for row in own)) / len(own))
        assert rows[symbol].naive_error == pytest.approx(
            float(sum(row[3] for row in own)) / len(own)
        )
        assert rows[symbol].coverage_90 == pytest.approx(sum(row[4] for row in own) / len(own))
        by_time: dict[object, list[float]] = {}
        for row in own:
            by_time.setdefault(row[1], []).append(float(row[3] - row[2]))
        gains = [statistics.fmean(values) for values in by_time.values()]
        assert rows[symbol].hours == len(gains)
        assert rows[symbol].gain == pytest.approx(statistics.fmean(gains))
        error = statistics.stdev(gains) / len(gains) ** 0.5
        assert rows[symbol].gain_se == pytest.approx(error)
    assert sum(hour.forecasts for hour in by_hour) == rows[None].forecasts
    assert sum(hour.error for hour in by_hour) == pytest.approx(
        rows[None].error * rows[None].forecasts if rows[None].error else None
    )
    assert len(only) == 24
