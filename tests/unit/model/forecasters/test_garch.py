from __future__ import annotations

import numpy as np
import pytest

from model.dataset import Windows
from model.forecasters.columns import Column, column
from model.forecasters.forecaster import LEVELS
from model.forecasters.garch import (
    Garch,
    GarchBands,
    GarchForecaster,
    fit_garch,
)

pytestmark = pytest.mark.unit


def simulated(count: int, omega: float, alpha: float, beta: float, freedom: float) -> np.ndarray:
    rng = np.random.default_rng(5)
    shocks = rng.standard_t(freedom, count) * np.sqrt((freedom - 2) / freedom)
    returns, variance = np.empty(count), omega / (1 - alpha - beta)
    for step, shock in enumerate(shocks):
        returns[step] = np.sqrt(variance) * shock
        variance = omega + alpha * returns[step] ** 2 + beta * variance
    return returns


def test_it_finds_the_process_that_made_the_returns() -> None:
    returns = simulated(40_000, 4e-6, 0.1, 0.8, 5.0)
    found = fit_garch(returns)
    assert found.alpha == pytest.approx(0.1, abs=0.02)
    assert found.beta == pytest.approx(0.8, abs=0.04)
    assert found.omega == pytest.approx(4e-6, rel=0.25)
    assert found.quantiles[2] == 0.0
    # 95 % of a t with 5 degrees of freedom, scaled to unit variance: 2.0150 × √(3 / 5)
    assert found.quantiles[4] == pytest.approx(1.561, abs=0.02)
    assert found.quantiles[4] == pytest.approx(-found.quantiles[0])


def test_returns_that_never_move_have_no_wide_bands() -> None:
    found = fit_garch(np.zeros(3_000))
    assert np.isfinite([found.omega, found.alpha, found.beta]).all()
    assert found.omega >= 0


def test_a_row_goes_through_its_own_returns(later: Windows) -> None:
    garch = Garch(omega=2e-6, alpha=0.2, beta=0.7, quantiles=(-1.5, -0.6, 0.0, 0.6, 1.5))
    bands = GarchBands({"BTCUSDT": garch}, (-2.0, -1.0, 0.0, 1.0, 2.0)).quantiles(later)
    steps = [column(later, Column("own_return", lag)) for lag in range(47, -1, -1)]
    week = column(later, Column("volatility_168h"))
    for row in range(0, len(later.z), 37):
        if later.symbols[row] != "BTCUSDT":
            assert bands[row].tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
            continue
        sigma = later.sigma[row]
        variance = (sigma * (1 + week[row])) ** 2
        for step in steps:
            variance = 2e-6 + 0.2 * (sigma * step[row]) ** 2 + 0.7 * variance
        expected = np.sqrt(variance) / sigma * np.asarray(garch.quantiles)
        np.testing.assert_allclose(bands[row], expected, rtol=1e-9)


def test_a_coin_with_a_short_history_has_the_bands_of_all(
    training: Windows, later: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = GarchForecaster().fit(training, later, 0)
    assert isinstance(few, GarchBands)
    assert few.by_coin == {}  # 900 hours each
    monkeypatch.setattr("model.forecasters.garch.MIN_HOURS", 500)
    many = GarchForecaster().fit(training, later, 0)
    assert isinstance(many, GarchBands)
    assert set(many.by_coin) == {"BTCUSDT", "ETHUSDT", "DOGEUSDT"}
    assert many.quantiles(later).shape == (len(later.z), len(LEVELS))
