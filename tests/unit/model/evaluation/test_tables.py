from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model.evaluation import tables
from model.evaluation.report import build_report
from model.evaluation.runs import Run
from tests.support.evaluated import COINS, STABLE, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """`good` is better than the last price, `bad` is worse; `good` has two seeds."""
    naive = naive_rows(24 * 40, (*COINS, STABLE))
    returns = true_returns(naive)
    noise = np.random.default_rng(0).normal(0, 1e-3, len(naive))
    frame = pd.concat(
        [
            naive,
            model_rows(naive, "bad", -0.1 * returns, width=0.5),
            model_rows(naive, "good", 0.1 * returns + noise),
            model_rows(naive, "good#0", 0.1 * returns),
            model_rows(naive, "good#1", 0.2 * returns),
        ]
    )
    runs = [Run("good", 0, 10.0, 1.0, 500, 2), Run("good", 1, 20.0, 2.0, 700, 2)]
    return build_report(frame, runs)


def column(table: tables.Table, name: str) -> dict[str, str]:
    return {row[0]: row[table.header.index(name)] for row in table.rows}


def test_the_league_says_plainly_who_is_no_better(report: dict[str, Any]) -> None:
    league = tables.league(report)
    assert [row[0] for row in league.rows] == ["good", "naive", "bad"]
    assert column(league, "verdict") == {
        "good": "**better than the last price**",
        "naive": "the last price itself",
        "bad": "no better than the last price",
    }
    assert column(league, "rMAE [95 %]")["naive"] == "1.0000 [1.0000, 1.0000]"
    assert column(league, "direction right [95 %]")["bad"] == "0.00 % [0.0 %, 0.0 %]"
    assert column(league, "pinball skill")["naive"] == "+0.00 %"
    assert column(league, "DM t")["naive"] == tables.NONE
    assert column(league, "width / naive's")["bad"] == "0.500"
    assert column(league, "months won") == {"good": "2 of 2", "naive": "0 of 2", "bad": "0 of 2"}
    assert column(league, "worst quarter")["bad"] == "1.1000 (2024Q3)"
    assert column(league, "coins won") == {"good": "3 of 3", "naive": "0 of 3", "bad": "0 of 3"}


def test_seeds_have_mean_and_spread(report: dict[str, Any]) -> None:
    (row,) = tables.seeds(report).rows
    assert row[:3] == ("good", "2", "0.8500 ± 0.0707")
    assert row[3] == "100.00 % ± 0.00 %"
    skills = [report["models"]["good"]["seeds"]["by_seed"][seed]["pinball_skill"] for seed in "01"]
    spread = 100 * np.std(skills, ddof=1)
    assert row[5] == f"{100 * np.mean(skills):+.2f} % ± {spread:.2f} %"


def test_periods_and_coins_are_rows(report: dict[str, Any]) -> None:
    quarters = tables.periods(report, "by_quarter", "rMAE by quarter")
    assert quarters.header == ("UTC", "good", "naive", "bad")
    assert [(row[0], row[3]) for row in quarters.rows] == [("2024Q3", "1.1000")]
    months = tables.periods(report, "by_month", "rMAE by month")
    assert [row[0] for row in months.rows] == ["2024-07", "2024-08"]
    assert column(tables.per_coin(report), "bad") == dict.fromkeys(COINS, "1.1000")
    assert column(tables.per_coin(report), "rows") == dict.fromkeys(COINS, "960")


def test_the_edge_is_told_by_what_was_known_in_advance(report: dict[str, Any]) -> None:
    table = tables.conditions(report)
    assert table.header == ("known in advance", "rows", "good", "bad")
    years = [row for row in table.rows if row[0].startswith("year")]
    assert [row[:2] for row in years] == [("year: 2024", str(24 * 40 * len(COINS)))]
    assert years[0][3].startswith("1.1000 (-")
    assert sum(row[0].startswith("volatility: ") for row in table.rows) == 5
    assert tables.conditions({**report, "models": _without_conditions(report)}).rows == ()


def _without_conditions(report: dict[str, Any]) -> dict[str, Any]:
    return {
        model: {name: value for name, value in figures.items() if name != "by_condition"}
        for model, figures in report["models"].items()
    }


def test_confidence_leaves_out_what_has_no_opinion(report: dict[str, Any]) -> None:
    assert [row[0] for row in tables.confidence(report).rows] == ["good", "bad"]


def test_coverage_has_the_range_of_its_months(report: dict[str, Any]) -> None:
    cell = column(tables.coverage_per_coin(report), "naive")["BTCUSDT"]
    figures = report["models"]["naive"]["by_coin"]["BTCUSDT"]
    july = figures["coverage_90_by_month"]["2024-07"]
    assert cell == f"{100 * figures['coverage_90']:.2f} % [{100 * july:.1f} %, {100 * july:.1f} %]"


def test_stable_coins_have_a_table_of_their_own(report: dict[str, Any]) -> None:
    assert {row[0] for row in tables.stable(report).rows} == {STABLE}
    assert [row[1] for row in tables.stable(report).rows] == ["naive", "bad", "good"]


def test_what_it_took(report: dict[str, Any]) -> None:
    assert tables.costs(report).rows == (("good", "2", "4", "30.0", "3.0", "700"),)


def test_all_rows_are_as_wide_as_their_header_and_empty_tables_are_left_out(
    report: dict[str, Any],
) -> None:
    shown = tables.all_tables(report)
    assert len(shown) == 11
    for table in shown:
        assert {len(row) for row in table.rows} == {len(table.header)}
    without = {**report, "stable": {}}
    assert len(tables.all_tables(without)) == 10


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
def test_no_number_is_a_dash(unknown: float | None) -> None:
    for text in (tables.number, tables.percent, tables.signed_percent, tables.price):
        assert text(unknown) == tables.NONE


def test_unknown_rmae_comes_last(report: dict[str, Any]) -> None:
    models = {**report["models"], "aaa": {**report["models"]["good"], "rmae": None}}
    assert [model for model, _ in tables.ranked({"models": models})] == [
        "good",
        "naive",
        "bad",
        "aaa",
    ]
