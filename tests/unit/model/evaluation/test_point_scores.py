from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from model.evaluation import point_scores as points
from model.evaluation.outcomes import Forecasts, pair
from tests.support.evaluated import COINS, SIGMA, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit


def forecasts_of(naive: pd.DataFrame, shift) -> Forecasts:
    return pair(pd.concat([naive, model_rows(naive, "lstm", shift)]))["lstm"]


def two_coins() -> Forecasts:
    """Errors by hand: ADA 1 and 3 (naive 2 and 2), BTC 10 and 10 (naive 40 and 10)."""
    naive = naive_rows(2, coins=("ADAUSDT", "BTCUSDT"))
    naive["last_close"] = naive["q50"] = [100.0, 100.0, 1000.0, 1000.0]
    naive["actual_close"] = [102.0, 98.0, 1040.0, 990.0]
    lstm = model_rows(naive, "lstm").assign(q50=[103.0, 101.0, 1030.0, 1000.0])
    return pair(pd.concat([naive, lstm]))["lstm"]


def test_errors_by_hand() -> None:
    forecasts = two_coins()
    np.testing.assert_allclose(points.rmae_per_coin(forecasts), [1.0, 0.4])
    own, naive = 0.01 + 0.03 + 0.01 + 0.01, 0.02 + 0.02 + 0.04 + 0.01
    assert points.rmae_pooled(forecasts) == pytest.approx(own / naive)
    assert points.mape(forecasts) == pytest.approx(25 * (1 / 102 + 3 / 98 + 10 / 1040 + 10 / 990))
    rmse, naive_rmse = points.rmse_per_coin(forecasts)
    np.testing.assert_allclose(rmse, [math.sqrt(5.0), 10.0])
    np.testing.assert_allclose(naive_rmse, [2.0, math.sqrt(850.0)])
    np.testing.assert_allclose(points.nrmse_per_coin(forecasts), [math.sqrt(5) / 100, 10 / 1015])


def test_ties_count_one_half() -> None:
    assert points.accuracy(two_coins()) == (1 + 0 + 1 + 0.5) / 4


def test_a_truth_known_and_one_turned_round() -> None:
    naive = naive_rows(300)
    truth = forecasts_of(naive, true_returns(naive))
    np.testing.assert_allclose(points.pearson_per_coin(truth), 1.0)
    assert points.information_coefficient(truth) == pytest.approx(1.0)
    assert points.accuracy(truth) == 1.0
    turned = forecasts_of(naive, -(true_returns(naive) ** 3))
    assert points.information_coefficient(turned) == pytest.approx(-1.0, abs=0.2)
    assert points.accuracy(turned) == 0.0


def test_ranks_compare_coins_in_units_of_their_volatility() -> None:
    naive = naive_rows(200)
    scale = naive["symbol"].map(SIGMA).to_numpy()
    rising = forecasts_of(
        naive, np.sign(true_returns(naive)) * (true_returns(naive) / scale) ** 2 * scale
    )
    assert points.information_coefficient(rising) == pytest.approx(1.0)


def test_a_forecast_that_never_varies_has_no_correlation() -> None:
    constant = pair(naive_rows(10))["naive"]
    with np.errstate(all="raise"):
        assert np.isnan(points.pearson_per_coin(constant)).all()
        assert math.isnan(points.information_coefficient(constant))


def test_the_confident_are_told_from_the_rest() -> None:
    naive = naive_rows(400, coins=("ADAUSDT",))
    sign = np.sign(true_returns(naive))
    confidence = np.linspace(1e-5, 1e-3, 400)
    right = confidence > np.quantile(confidence, 0.9)
    shares, rows = points.accuracy_by_confidence(
        forecasts_of(naive, np.where(right, sign, -sign) * confidence)
    )
    assert rows.tolist() == [40] * 10
    assert shares.tolist() == [0.0] * 9 + [1.0]


def test_equally_confident_rows_share_the_lowest_decile() -> None:
    naive = naive_rows(100, coins=("ADAUSDT",))
    shift = np.concatenate([np.zeros(35), np.linspace(1e-4, 1e-3, 65)])
    shares, rows = points.accuracy_by_confidence(forecasts_of(naive, shift))
    assert rows.tolist() == [35, 0, 0, 5, 10, 10, 10, 10, 10, 10]
    assert shares[0] == 0.5
    assert np.isnan(shares[[1, 2]]).all()


def test_months_and_quarters_are_those_of_the_last_known_hour() -> None:
    naive = naive_rows(24 * 123, coins=("ADAUSDT",))  # July to October
    outcomes = pair(naive)["naive"].outcomes
    months, quarters = points.months(outcomes), points.quarters(outcomes)
    assert months.labels == ("2024-07", "2024-08", "2024-09", "2024-10")
    assert np.bincount(months.code).tolist() == [744, 744, 720, 744]
    assert quarters.labels == ("2024Q3", "2024Q4")
    assert np.bincount(quarters.code).tolist() == [2208, 744]


def test_a_coin_of_few_rows_does_not_speak_for_a_month() -> None:
    naive = naive_rows(1000)
    is_short = (naive["symbol"] == "BTCUSDT") & (naive.groupby("symbol").cumcount() < 600)
    naive = naive[~is_short].reset_index(drop=True)
    forecasts = forecasts_of(naive, 0.5 * true_returns(naive))
    rmae = points.rmae_per_coin_and_period(forecasts, points.months(forecasts.outcomes))
    expected = np.full((len(COINS), 2), 0.5)
    expected[1, 0] = np.nan  # 144 of 744 hours
    np.testing.assert_allclose(rmae, expected)
    np.testing.assert_allclose(points.mean_known(rmae, axis=0), [0.5, 0.5])


def test_nothing_known_has_no_mean() -> None:
    with np.errstate(all="raise"):
        assert math.isnan(float(points.mean_known(np.array([np.nan, np.nan]))))
