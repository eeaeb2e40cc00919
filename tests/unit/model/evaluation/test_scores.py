from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation import scores
from model.evaluation.outcomes import QUANTILE_COLUMNS, pair
from tests.support.evaluated import COINS, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit

IN_PRICE = {"mae", "naive_mae", "rmse", "tick / volatility"}


def scored(frame: pd.DataFrame, model: str) -> dict[str, Any]:
    return scores.score(pair(frame)[model])


def example(seed: int, hours: int = 60) -> pd.DataFrame:
    """Naive and an `lstm` with noisy medians, a tenth of whose rows are refused."""
    naive = naive_rows(hours, seed=seed)
    rng = np.random.default_rng(seed + 1)
    is_refused = rng.random(len(naive)) < 0.1
    shift = 0.2 * true_returns(naive) + rng.normal(0, 2e-3, len(naive))
    lstm = model_rows(naive, "lstm", np.where(is_refused, 0.0, shift), width=0.95)
    lstm["is_refused"] = is_refused
    lstm["reason"] = np.where(is_refused, "short history", None)
    return pd.concat([naive, lstm], ignore_index=True)


def relative(value: Any) -> Any:
    """Leave out the figures that are in quote units."""
    if isinstance(value, dict):
        return {name: relative(part) for name, part in value.items() if name not in IN_PRICE}
    return [relative(part) for part in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)  # NaN equals NaN


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_baseline_is_exactly_itself(seed: int) -> None:
    naive = scored(example(seed), "naive")
    assert naive["rmae"] == naive["rmae_pooled"] == naive["rmse_ratio"] == 1.0
    assert naive["pinball_skill"] == 0.0
    assert naive["da"] == 0.5
    assert naive["width_90"] == naive["width_50"] == 1.0
    assert not naive["is_better"]
    assert math.isnan(naive["dm_t"])
    assert naive["coins_won"] == naive["months_won"] == 0


@given(st.integers(0, 10_000), st.sampled_from(COINS), st.integers(-20, 20))
@settings(max_examples=10, deadline=None)
def test_no_relative_figure_depends_on_the_unit_of_a_price(
    seed: int, coin: str, exponent: int
) -> None:
    frame = example(seed)
    prices = ["last_close", "actual_close", *QUANTILE_COLUMNS]
    scaled = frame.copy()
    # powers of two change no mantissa, so that equal means equal
    scaled.loc[scaled["symbol"] == coin, prices] *= 2.0**exponent
    assert same(relative(scored(frame, "lstm")), relative(scored(scaled, "lstm")))


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    frame = example(seed)
    shuffled = frame.sample(frac=1.0, random_state=seed)
    assert same(scored(frame, "lstm"), scored(shuffled, "lstm"))


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_truth_makes_no_error(seed: int) -> None:
    naive = naive_rows(60, seed=seed)
    truth = model_rows(naive, "truth")
    truth[list(QUANTILE_COLUMNS)] = naive[["actual_close"] * 5].to_numpy()
    figures = scored(pd.concat([naive, truth]), "truth")
    assert figures["rmae"] == figures["mae"] == figures["mape"] == figures["rmse"] == 0.0
    assert figures["da"] == figures["pinball_skill"] == figures["coverage_90"] == 1.0
    assert figures["is_better"]
    assert figures["coins_won"] == figures["coins"] == 3


def test_refusals_have_their_reasons() -> None:
    frame = example(0)
    refused = frame["is_refused"].sum() / (len(frame) / 2)
    assert scored(frame, "lstm")["refused"] == {
        "share": pytest.approx(refused),
        "reasons": {"short history": pytest.approx(refused)},
    }
    frame.loc[frame["is_refused"], "reason"] = None
    assert list(scored(frame, "lstm")["refused"]["reasons"]) == ["not given"]


def test_periods_won_and_the_worst_quarter() -> None:
    """Better in July, worse from August; the fourth quarter is the worst."""
    naive = naive_rows(24 * 123)
    month = naive["open_time"].dt.month.to_numpy()
    share = np.select([month == 7, month < 10], [0.5, -0.1], -0.2)
    figures = scored(pd.concat([naive, model_rows(naive, "m", share * true_returns(naive))]), "m")
    assert (figures["months_won"], figures["months"]) == (1, 4)
    assert figures["coin_months_won"] == 0.25
    assert figures["worst_quarter"] == {"quarter": "2024Q4", "rmae": pytest.approx(1.2)}
    assert figures["by_month"]["2024-07"]["rmae"] == pytest.approx(0.5)
    assert figures["by_month"]["2024-07"]["rows"] == 744 * 3
    assert list(figures["by_quarter"]) == ["2024Q3", "2024Q4"]
    assert figures["by_quarter"]["2024Q4"]["da"] == 0.0
    assert figures["by_quarter"]["2024Q3"]["da"] == pytest.approx(744 / 2208)


def test_a_model_is_better_only_if_it_is_hardly_chance() -> None:
    naive = naive_rows(100)
    lucky = np.random.default_rng(0).normal(0, 3e-4, len(naive))
    shifts = {
        "sure": 0.1 * true_returns(naive),
        "worse": -0.1 * true_returns(naive),
        "lucky": lucky,
    }
    frame = pd.concat([naive, *(model_rows(naive, name, shift) for name, shift in shifts.items())])
    figures = {name: scored(frame, name) for name in shifts}
    assert figures["lucky"]["rmae"] < 1
    assert 0 < figures["lucky"]["dm_t"] < scores.DM_THRESHOLD
    better = {name: values["is_better"] for name, values in figures.items()}
    assert better == {"sure": True, "worse": False, "lucky": False}


def test_figures_of_a_coin() -> None:
    frame = example(1, hours=800)
    by_coin = scored(frame, "lstm")["by_coin"]
    assert list(by_coin) == list(COINS)
    for coin, figures in by_coin.items():
        rows = frame[(frame["symbol"] == coin) & (frame["model"] == "lstm")]
        error = (rows["actual_close"] - rows["q50"]).abs()
        naive = (rows["actual_close"] - rows["last_close"]).abs()
        assert figures["rows"] == 800
        assert figures["rmae"] == pytest.approx(error.mean() / naive.mean())
        assert figures["mae"] == pytest.approx(error.mean())
        assert figures["naive_mae"] == pytest.approx(naive.mean())
        assert figures["mape"] == pytest.approx(100 * (error / rows["actual_close"]).mean())
        assert figures["refused"] == pytest.approx(rows["is_refused"].mean())
        assert figures["width_90"] == pytest.approx(0.95)
        inside = rows["actual_close"].between(rows["q05"], rows["q95"])
        assert figures["coverage_90"] == pytest.approx(inside.mean())
        july = rows["open_time"].dt.month == 7
        assert figures["coverage_90_by_month"] == {"2024-07": pytest.approx(inside[july].mean())}


def test_mean_and_spread_over_seeds() -> None:
    one = scores.headline(pair(example(0))["lstm"])
    summary = scores.over_seeds([one, {**one, "rmae": one["rmae"] + 0.2}])
    assert summary["rmae"] == {
        "mean": pytest.approx(one["rmae"] + 0.1),
        "sd": pytest.approx(0.2 / math.sqrt(2)),
    }
    assert summary["da"]["sd"] == 0.0
    assert math.isnan(scores.over_seeds([one])["rmae"]["sd"])


@pytest.mark.parametrize(
    ("da", "rmae", "told"), [(0.57, 0.98, 0), (0.571, 0.99, 1), (0.55, 0.9799, 1), (0.6, 0.9, 2)]
)
def test_what_is_too_good_is_called_a_leak(da: float, rmae: float, told: int) -> None:
    warnings = scores.leaks("lstm", {"da": da, "rmae": rmae})
    assert len(warnings) == told
    assert all("lstm" in warning and "leak" in warning for warning in warnings)
