from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from model.evaluation import significance
from model.evaluation.outcomes import Forecasts, pair
from tests.support.evaluated import COINS, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit


def forecasts_of(naive: pd.DataFrame, shift) -> Forecasts:
    return pair(pd.concat([naive, model_rows(naive, "lstm", shift)]))["lstm"]


def test_t_by_hand() -> None:
    """Differences 1 2 0 3 around 1.5: γ₀ = 5/4, γ₁ = (-1/4 - 3/4 - 9/4)/4, one lag at weight ½."""
    variance = 5 / 4 + 2 * 0.5 * (-0.25 - 0.75 - 2.25) / 4
    expected = 1.5 / math.sqrt(variance / 4)
    assert significance.diebold_mariano(np.array([1.0, 2.0, 0.0, 3.0]), lags=1) == pytest.approx(
        expected
    )


def test_t_of_independent_differences_is_the_ordinary_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.05, 1.0, 20_000)
    ordinary = values.mean() / (values.std() / math.sqrt(len(values)))
    assert significance.diebold_mariano(values, lags=0) == pytest.approx(ordinary)
    assert significance.diebold_mariano(values) == pytest.approx(ordinary, rel=0.1)


def test_t_without_skill_is_standard_normal() -> None:
    rng = np.random.default_rng(1)
    t = [significance.diebold_mariano(rng.normal(size=2_000)) for _ in range(400)]
    assert np.mean(t) == pytest.approx(0.0, abs=0.15)
    assert np.std(t) == pytest.approx(1.0, abs=0.12)


def test_differences_that_last_count_less() -> None:
    rng = np.random.default_rng(2)
    once = rng.normal(0.05, 1.0, 5_000)
    lasting = np.repeat(once, 6)
    assert significance.diebold_mariano(lasting, lags=0) > 2.3 * significance.diebold_mariano(once)
    assert significance.diebold_mariano(lasting) == pytest.approx(
        significance.diebold_mariano(once), rel=0.15
    )


def test_nothing_to_test() -> None:
    for count in range(2, 40):  # a mean of equal numbers is not always that number
        assert math.isnan(significance.diebold_mariano(np.full(count, 0.1)))
    assert math.isnan(significance.diebold_mariano(np.array([1.0])))
    assert math.isnan(significance.diebold_mariano(np.array([])))


def test_an_hour_is_the_mean_of_its_coins_in_band_widths() -> None:
    naive = naive_rows(3)
    naive = naive.drop(index=[1]).reset_index(drop=True)  # ADA has no second hour
    forecasts = forecasts_of(naive, 0.5 * true_returns(naive))
    hourly = significance.absolute_difference(forecasts)
    outcomes = forecasts.outcomes
    gain = 0.5 * np.abs(outcomes.returns) / outcomes.scale
    expected = [gain[outcomes.open_ms == hour].mean() for hour in np.unique(outcomes.open_ms)]
    np.testing.assert_allclose(hourly.difference, expected)
    assert np.diff(hourly.open_ms).tolist() == [3_600_000] * 2


def test_a_band_without_width_is_no_part_of_an_hour() -> None:
    naive = naive_rows(2)
    naive.loc[0, ["q05", "q25", "q75", "q95"]] = naive.loc[0, "last_close"]
    hourly = significance.absolute_difference(forecasts_of(naive, 0.5 * true_returns(naive)))
    assert np.isfinite(hourly.difference).all()
    assert len(hourly.difference) == 2


def test_better_forecasts_have_a_positive_t() -> None:
    naive = naive_rows(500)
    better, worse = (forecasts_of(naive, sign * 0.1 * true_returns(naive)) for sign in (1, -1))
    for difference in (significance.absolute_difference, significance.pinball_difference):
        assert significance.diebold_mariano(difference(better).difference) > 5
        assert significance.diebold_mariano(difference(worse).difference) < -5


def test_intervals_hold_the_figure_and_shrink_with_weeks() -> None:
    rng = np.random.default_rng(3)
    widths = []
    for weeks in (8, 32):
        naive = naive_rows(168 * weeks)
        forecasts = forecasts_of(naive, 0.1 * true_returns(naive) + rng.normal(0, 2e-3, len(naive)))
        intervals = significance.bootstrap_intervals(forecasts)
        low, high = intervals["da"]
        product = np.sign(forecasts.predicted_returns) * np.sign(forecasts.outcomes.returns)
        assert low < np.mean((product + 1) / 2) < high
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.4)


def test_an_interval_is_as_wide_as_independent_rows_say() -> None:
    naive = naive_rows(168 * 40, coins=("BTCUSDT",))
    coin_flips = np.random.default_rng(4).choice([-1e-4, 1e-4], len(naive))
    low, high = significance.bootstrap_intervals(forecasts_of(naive, coin_flips))["da"]
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(len(naive)), rel=0.35)


def test_weeks_are_drawn_whole() -> None:
    """One week all right and one all wrong: two draws of the two are right, wrong or half."""
    naive = naive_rows(168 * 3, coins=("BTCUSDT",))
    day = naive["open_time"].dt.day.to_numpy()
    sign = np.where(day < 11, 1, -1)
    frame = pd.concat([naive, model_rows(naive, "lstm", 0.1 * sign * true_returns(naive))])
    two_weeks = frame[
        frame["open_time"].dt.day.between(4, 17)
    ]  # weeks from Thursday, as 1970-01-01
    intervals = significance.bootstrap_intervals(pair(two_weeks)["lstm"])
    assert intervals["da"] == (0.0, 1.0)
    assert intervals["rmae"] == (pytest.approx(0.9), pytest.approx(1.1))


def test_intervals_of_the_baseline_are_points_and_one_week_has_none() -> None:
    intervals = significance.bootstrap_intervals(pair(naive_rows(400, COINS))["naive"])
    assert intervals == {"rmae": (1.0, 1.0), "da": (0.5, 0.5)}
    short = significance.bootstrap_intervals(pair(naive_rows(20))["naive"])
    assert all(math.isnan(value) for interval in short.values() for value in interval)
