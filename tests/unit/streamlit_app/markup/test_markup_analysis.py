"""The daily analysis and the last evaluation in words and tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from streamlit_app.markup import analysis, evaluation
from streamlit_app.records.analysis import AggregateRow, AnalysisRun, CorrelationRow
from streamlit_app.records.evaluation import EvaluationRun, LeagueRow, Prediction
from tests.support.dashboard_records import HOUR, NOON

pytestmark = pytest.mark.unit

ZONE = ZoneInfo("UTC")
TICK = Decimal("0.01")
EVIL = "<script>alert(1)</script>"
MONDAY = date(2026, 1, 5)
RUN = EvaluationRun(
    *("d", NOON, NOON - 9000 * HOUR, NOON - 8881 * HOUR, NOON - HOUR, 8880, 79_920, 720),
    coins=("BTCUSDT", "ETHUSDT"),
    warnings=(),
    shown_model="lstm",
)
BETTER = LeagueRow(
    *(1, "lstm", True, 0.9962, 0.9942, 0.9982, 0.518, 0.0021, 4.1, 0.021),
    *(0.497, 0.903, 0.001, 3, 39, 5160.0, 2.5, 1980),
)
LAST = LeagueRow(2, "last price", False, 1.0, *[None] * 8, 0.0, 0, None, None, None, None)


def test_the_analysis_says_of_what_and_until_when() -> None:
    run = AnalysisRun(NOON, NOON, NOON, 10, 96_000, 5)
    body = analysis.run_line(run, NOON + HOUR, NOON + HOUR, ZONE)
    assert "96,000 hours of 10 coins before 2026-01-01 12:00 UTC" in body
    assert "nh-dot warn" not in body
    late = analysis.run_line(run, NOON + timedelta(days=3), NOON, ZONE)
    assert "nh-dot warn" in late
    assert "3 d 0 h ago" in late


def test_days_are_told_the_latest_first_and_unknown_figures_as_dashes() -> None:
    prices = (None, *map(Decimal, ("1.2600000000000001", "1.239999999999999", "1.25")))
    one = AggregateRow("ETHUSDT", MONDAY, *prices, None, None, 23, 1, None, 0.03)
    two = replace(one, begin=MONDAY + timedelta(days=1), simple_return=0.0123)
    body = analysis.aggregate_table([one, two], TICK, False)
    assert body.index("2026-01-06") < body.index("2026-01-05")
    assert "+1.23 %" in body
    assert "1.26<" in body
    assert "1.24<" in body
    assert "–" in body
    assert "Week from" in analysis.aggregate_table([one], TICK, True)
    assert analysis.aggregate_table([one] * 500, TICK, False).count("<tr") == (
        1 + analysis.MOST_SHOWN
    )
    assert "No day" in analysis.aggregate_table([], TICK, False)


def test_correlations_need_common_hours() -> None:
    assert "360" in analysis.correlation_line([], "30d")
    row = CorrelationRow("ETHUSDT", "BTCUSDT", MONDAY, 720, 0.8)
    assert "30 days up to 2026-01-05" in analysis.correlation_line([row], "30d")
    assert "everything up to" in analysis.correlation_line([row], "whole")


def test_an_evaluation_says_plainly_who_is_better() -> None:
    body = evaluation.introduction(RUN, [BETTER, LAST], NOON + HOUR, ZONE)
    assert "Better than the last price: lstm." in body
    assert "2 models on 8,880 hours of 2 coins" in body
    none = evaluation.introduction(
        replace(RUN, warnings=(EVIL,)), [replace(BETTER, is_better=False)], NOON, ZONE
    )
    assert "None of the models is better than the last price." in none
    assert EVIL not in none
    assert "nh-dot warn" in none


def test_the_league_has_figures_with_their_doubt_and_what_they_cost() -> None:
    body = evaluation.league_table([BETTER, LAST, replace(LAST, model=EVIL, rmae=None)])
    for words in (
        *("0.9962 (0.9942 – 0.9982)", "51.8 % ± 0.21", "+4.1", "+2.10 %", "90.3 %", "1 h 26 min"),
        *("2.5 s", "1,980 MiB", "1.0000"),
    ):
        assert f">{words}<" in body
    assert EVIL not in body
    assert body.count("nh-dot good") == 1


def test_predictions_are_told_beside_what_came() -> None:
    row = Prediction(NOON, 99.0, 95.0, 98.0, 100.0, 102.0, 105.0, 101.0, False, None)
    rows = [row, replace(row, target_open_time=NOON + HOUR, actual_close=106.0)]
    body = evaluation.prediction_table(rows, TICK, ZONE)
    assert body.index("14:00 UTC") < body.index("13:00 UTC"), "the latest first, at its close"
    for words in ("95.00 – 105.00", "−0.990 %", "inside", "outside"):
        assert words in body
    refused = evaluation.prediction_table([replace(row, is_refused=True, reason=EVIL)], TICK, ZONE)
    assert EVIL not in refused
