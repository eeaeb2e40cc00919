from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter
from statsforecast.models import AutoARIMA

from model.dataset import Windows
from model.forecasters.arima import (
    Arima,
    Process,
    Processes,
    forecast_weights,
    process_of,
)
from model.forecasters.columns import Column, column

pytestmark = pytest.mark.unit

Pick = Callable[[Windows, Any], Windows]


def series(phi: list[float], theta: list[float], count: int = 2_000) -> np.ndarray:
    noise = np.random.default_rng(3).normal(size=count)
    return lfilter([1.0, *theta], [1.0, *(-value for value in phi)], noise)


def test_weights_of_an_autoregression_are_its_parameters() -> None:
    weights = forecast_weights([0.3, -0.2], [])
    np.testing.assert_allclose(weights[:2], [0.3, -0.2], atol=1e-9)
    np.testing.assert_allclose(weights[2:], 0, atol=1e-9)


def test_weights_of_a_moving_average_alternate_and_fade() -> None:
    """Brockwell and Davis 1991, example 5.2.1: 1 + θ + … cancelled for a finite past."""
    weights = forecast_weights([], [0.5])
    np.testing.assert_allclose(weights[:6], [-((-0.5) ** k) for k in range(1, 7)], atol=1e-9)


def test_noise_has_no_weights() -> None:
    assert forecast_weights([], []) == (0.0,) * 48


@pytest.mark.parametrize(
    ("phi", "theta"), [([0.4], []), ([], [-0.6]), ([0.5, 0.2], [-0.4]), ([0.9], [-0.8, 0.1])]
)
def test_it_forecasts_what_statsforecast_s_own_filter_does(
    phi: list[float], theta: list[float]
) -> None:
    values = 1e-3 * (series(phi, theta) + 0.3)
    process = process_of(values)
    scale = np.std(values)
    model = AutoARIMA(max_p=3, max_q=3, stationary=True, seasonal=False, season_length=1)
    model = model.fit(values / scale)
    for end in (600, 1_000, 1_999):
        past = values[end - 48 : end]
        expected = scale * model.forward(y=past / scale, h=1)["mean"][0]
        found = process.mean + np.dot(process.weights, past[::-1] - process.mean)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)
        assert abs(found) > 1e-6


def test_a_row_s_forecast_is_of_its_own_returns(later: Windows) -> None:
    weights = tuple(0.3 * 0.5**lag for lag in range(48))
    z = Processes({"ETHUSDT": Process(1e-3, weights)})(later)
    for row in range(0, len(later.z), 29):
        if later.symbols[row] != "ETHUSDT":
            assert z[row] == 0
            continue
        sigma = later.sigma[row]
        total = 1e-3
        for lag, weight in enumerate(weights):
            total += weight * (sigma * column(later, Column("own_return", lag))[row] - 1e-3)
        assert z[row] == pytest.approx(total / sigma, rel=1e-9)


def test_each_coin_has_its_own_process(training: Windows, later: Windows, picked: Pick) -> None:
    """The rows' steps are pulled back by 0.3 of the last one."""
    fitted = Arima().fit(training, later, 0)
    by_coin = fitted.point.by_coin  # type: ignore[attr-defined]
    assert set(by_coin) == {"BTCUSDT", "ETHUSDT", "DOGEUSDT"}
    for process in by_coin.values():
        assert process.weights[0] == pytest.approx(-0.3, abs=0.1)
    short = picked(training, (training.symbols != "ETHUSDT") | (np.arange(len(training.z)) < 300))
    assert "ETHUSDT" not in Arima().fit(short, later, 0).point.by_coin  # type: ignore[attr-defined]
