"""Forecast quality, analysis, projection and data quality: what is said of the past."""

from __future__ import annotations

import statistics

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from streamlit_app.intervals import DAILY
from streamlit_app.queries import scores as score_queries
from streamlit_app.store import Store
from tests.support import dashboard_data as data
from tests.support.dashboard_pages import bodies, fields, open_app

pytestmark = pytest.mark.integration


@pytest.mark.usefixtures("namespace")
def test_quality_page_names_the_model_and_refuses_to_judge_early() -> None:
    texts = fields(open_app("quality"))
    assert texts[None, "model"] == data.VERSION
    assert texts[None, "model-status"] == "bootstrap"
    assert texts[None, "opinion"].startswith("Too few hours to judge: ")
    assert "not trading advice" in texts[None, "note"]


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
