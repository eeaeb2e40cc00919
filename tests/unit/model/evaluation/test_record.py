"""What is recorded of an evaluation: the report's own figures, and a bounded piece of the forecasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model.evaluation.record import (
    PREDICTION,
    Choices,
    evaluation_digest,
    last_days,
    make_record,
    shown_model,
)
from model.evaluation.report import build_report
from model.evaluation.runs import Run
from tests.support.evaluated import COINS, STABLE, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit

NOW = datetime(2025, 1, 2, tzinfo=UTC)
CHOICES = Choices(1_719_700_000_000, 1440, (7, 8), "d1ce")
HOURS = 24 * 28


def said() -> pd.DataFrame:
    """Return forecasts of the baseline, a good model, a bad one, and two seeds of the good one."""
    naive = naive_rows(HOURS, (*COINS, STABLE))
    returns = true_returns(naive)
    noise = np.random.default_rng(1).standard_normal(len(naive)) * 0.001
    good = [
        model_rows(naive, name, shift * returns + noise)
        for name, shift in (("good", 0.1), ("good#7", 0.08), ("good#8", 0.12))
    ]
    return pd.concat([naive, *good, model_rows(naive, "bad", 2 * noise)], ignore_index=True)


@pytest.fixture(scope="module")
def everything() -> pd.DataFrame:
    return said()


@pytest.fixture(scope="module")
def report(everything: pd.DataFrame) -> dict[str, Any]:
    runs = [Run("good", 7, 10.0, 1.0, 300, 2), Run("good", 8, 20.0, 2.0, 500, 2)]
    return build_report(everything, runs)


@pytest.fixture(scope="module")
def means(everything: pd.DataFrame) -> pd.DataFrame:
    return everything[~everything["model"].str.contains("#")]


def test_the_league_is_the_reports_by_rmae(report: dict[str, Any], means: pd.DataFrame) -> None:
    record = make_record(CHOICES, report, means, 5, "c0ffee", NOW)
    assert [row["model"] for row in record.models] == ["good", "naive", "bad"]
    assert [row["place"] for row in record.models] == [1, 2, 3]
    best, figures = record.models[0], report["models"]["good"]
    for name in ("rmae", "da", "dm_t", "pinball_skill", "coverage_90", "ic", "is_better"):
        assert best[name] == figures[name]
    assert best["figures"] == figures
    assert (best["seeds"], best["fits"], best["fit_s"], best["peak_mib"]) == (2, 4, 30.0, 500)
    summary = figures["seeds"]["summary"]["rmae"]
    assert (best["rmae_mean"], best["rmae_sd"]) == (summary["mean"], summary["sd"])
    assert best["rmae_sd"] > 0
    low, high = figures["da_interval"]
    assert best["da_low"] == low < best["da"] < high == best["da_high"]
    assert best["da_se"] == pytest.approx((high - low) / 3.92, rel=1e-4)
    # coin hours are few and coins independent here: the binomial's error is near
    rows = HOURS * len(COINS)
    assert best["da_se"] == pytest.approx((best["da"] * (1 - best["da"]) / rows) ** 0.5, rel=0.7)
    bad = record.models[2]
    assert (bad["seeds"], bad["rmae_mean"], bad["fit_s"]) == (0, None, None)


def test_the_run_says_what_it_is_of(report: dict[str, Any], means: pd.DataFrame) -> None:
    run = make_record(CHOICES, report, means, 5, "c0ffee", NOW).run
    assert run["first_open_time"] == means["open_time"].min()
    assert run["last_open_time"] == means["open_time"].max()
    assert (run["coins"], run["stable_coins"]) == (list(COINS), [STABLE])
    assert (run["hours"], run["rows_per_model"]) == (HOURS, HOURS * (len(COINS) + 1))
    assert (run["evaluated_at"], run["commit"], run["seeds"]) == (NOW, "c0ffee", [7, 8])
    assert run["shown_model"] == "good"


def test_the_last_days_of_all_coins_are_kept(means: pd.DataFrame) -> None:
    rows = last_days(means, "good", 5)
    assert list(rows.columns) == list(PREDICTION)
    assert set(rows["symbol"]) == {*COINS, STABLE}
    assert len(rows) == 5 * 24 * 4
    assert set(rows["model"]) == {"good"}
    assert rows["target_open_time"].max() == means["target_open_time"].max()
    assert len(last_days(means, "good", 366)) == HOURS * 4


def test_the_digest_knows_forecasts_and_choices_and_nothing_else(means: pd.DataFrame) -> None:
    digest = evaluation_digest(CHOICES, means)
    mixed = means.sample(frac=1.0, random_state=3)
    assert evaluation_digest(CHOICES, mixed) == digest
    changed = means.copy()
    changed.loc[changed.index[5], "q50"] *= 1 + 1e-15
    others = [
        evaluation_digest(CHOICES, changed),
        evaluation_digest(CHOICES, means[means["model"] != "bad"]),
        evaluation_digest(replace(CHOICES, refit_hours=24), means),
        evaluation_digest(replace(CHOICES, seeds=(7,)), means),
        evaluation_digest(replace(CHOICES, data_digest="d2ce"), means),
        evaluation_digest(replace(CHOICES, train_until_ms=0), means),
    ]
    assert len({digest, *others}) == 7


@pytest.mark.parametrize(
    ("rmae", "shown"),
    [
        ({"naive": 1.0, "champion": 1.2, "lstm": 0.9}, "champion"),
        ({"naive": 1.0, "rule": 0.99, "lstm": 0.98}, "lstm"),
        ({"naive": 1.0, "rule": 1.1, "lstm": 1.01}, "lstm"),  # the last price itself tells nothing
        ({"naive": 1.0}, "naive"),
        ({"naive": 1.0, "lstm": None}, "lstm"),
    ],
)
def test_shown_is_the_champion_or_the_best(rmae: dict[str, float | None], shown: str) -> None:
    models = {name: {"rmae": value} for name, value in rmae.items()}
    assert shown_model({"models": models}) == shown
