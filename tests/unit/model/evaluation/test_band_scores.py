from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from model.evaluation import band_scores as bands
from model.evaluation.outcomes import Forecasts, pair
from model.evaluation.point_scores import months
from model.forecasters.forecaster import LEVELS
from model.metrics import pinball
from tests.support.evaluated import model_rows, naive_rows

pytestmark = pytest.mark.unit


def forecasts_of(naive: pd.DataFrame, shift=0.0, width: float = 1.0) -> Forecasts:
    return pair(pd.concat([naive, model_rows(naive, "lstm", shift, width)]))["lstm"]


def test_pinball_is_that_of_returns_over_the_mean_return_of_each_coin() -> None:
    forecasts = forecasts_of(naive_rows(50), width=0.7)
    own, naive = bands.pinball_per_coin(forecasts)
    outcomes = forecasts.outcomes
    for coin in range(3):
        rows = outcomes.coin == coin
        last, returns = outcomes.last_close[rows, None], outcomes.returns[rows]
        scale = np.mean(np.abs(returns))
        for values, quantiles in ((own, forecasts.quantiles), (naive, outcomes.baseline)):
            loss = pinball(returns, quantiles[rows] / last - 1.0, LEVELS)
            assert values[coin] == pytest.approx(loss / scale)
    assert bands.pinball_skill(forecasts) == pytest.approx(1 - own.sum() / naive.sum())


def test_bands_that_are_the_truth_are_hard_to_beat() -> None:
    naive = naive_rows(4000)
    assert bands.pinball_skill(forecasts_of(naive, width=0.6)) < -0.01
    assert bands.pinball_skill(forecasts_of(naive, width=1.6)) < -0.01
    assert bands.pinball_skill(forecasts_of(naive, shift=0.002)) < -0.01


def test_coverage_of_bands_that_are_the_truth_is_nominal() -> None:
    forecasts = forecasts_of(naive_rows(4000))
    for band, nominal in (("50", 0.5), ("90", 0.9)):
        assert np.mean(bands.is_inside(forecasts, band)) == pytest.approx(nominal, abs=0.01)
        monthly = bands.coverage_per_month(forecasts, band, months(forecasts.outcomes))
        np.testing.assert_allclose(monthly, nominal, atol=0.03)


def test_a_band_is_closed() -> None:
    naive = naive_rows(3, coins=("BTCUSDT",))
    naive["actual_close"] = [naive["q05"][0], naive["q95"][1], naive["q95"][2] * (1 + 1e-9)]
    assert bands.is_inside(forecasts_of(naive), "90").tolist() == [1.0, 1.0, 0.0]


def test_coin_months_are_counted_if_they_have_half_a_month() -> None:
    naive = naive_rows(744 + 359, coins=("ADAUSDT", "BTCUSDT"))
    wild = naive["symbol"] == "BTCUSDT"
    forecasts = forecasts_of(naive)
    values = bands.coverage_per_coin_month(forecasts, "90")
    assert np.isfinite(values).tolist() == [[True, False], [True, False]]
    assert bands.share_of_coin_months_inside(forecasts) == (1.0, 2)
    lower = model_rows(naive, "lstm", np.where(wild, 0.1, 0.0))
    missed = pair(pd.concat([naive, lower]))["lstm"]
    assert bands.share_of_coin_months_inside(missed) == (0.5, 2)


def test_no_coin_month_no_share() -> None:
    share, count = bands.share_of_coin_months_inside(forecasts_of(naive_rows(10)))
    assert np.isnan(share)
    assert count == 0


def test_width_is_told_beside_the_baselines() -> None:
    forecasts = forecasts_of(naive_rows(10), width=0.9)
    np.testing.assert_allclose(bands.width_ratio(forecasts, "90"), 0.9)
    np.testing.assert_allclose(bands.width_ratio(forecasts, "50"), 0.9)


def test_crossed_rows_are_counted() -> None:
    naive = naive_rows(4, coins=("BTCUSDT",))
    crossed = model_rows(naive, "lstm")
    crossed.loc[2, "q25"] = crossed.loc[2, "q75"]
    assert bands.crossed_rows(pair(pd.concat([naive, crossed]))["lstm"]) == 1
    assert bands.crossed_rows(forecasts_of(naive)) == 0
