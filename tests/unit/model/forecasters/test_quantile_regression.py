from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import check_grad

from model.dataset import Windows
from model.forecasters import quantile_regression
from model.forecasters.columns import COLUMNS, Column, column
from model.forecasters.forecaster import LEVELS
from model.forecasters.quantile_regression import (
    LinearQuantiles,
    QuantileRegression,
    fit_level,
)
from model.metrics import pinball

pytestmark = pytest.mark.unit

Retarget = Callable[..., Windows]


def weight_of(fitted: object, level: float, which: Column) -> float:
    assert isinstance(fitted, LinearQuantiles)
    return fitted.models[LEVELS.index(level)].weights[COLUMNS.index(which)]


def test_the_median_is_found_where_the_mean_says_the_opposite(
    training: Windows, later: Windows, targeted: Retarget
) -> None:
    """Mostly a small step against the feature, seldom a jump along it."""
    which = Column("volume_z")
    x = column(training, which)
    rng = np.random.default_rng(0)
    z = -0.2 * x + 0.1 * rng.normal(size=len(x))
    jump = rng.random(len(x)) < 0.12
    z[jump] += 3.0 * np.sign(x[jump])
    assert np.polyfit(x, z, 1)[0] > 0
    fitted = QuantileRegression().fit(targeted(training, z), later, 0)
    assert weight_of(fitted, 0.5, which) == pytest.approx(-0.2, abs=0.05)


def test_bands_widen_with_a_feature(training: Windows, later: Windows, targeted: Retarget) -> None:
    which = Column("range")
    spread = 0.5 + 0.5 * column(training, which)
    z = spread * np.random.default_rng(1).uniform(-1, 1, size=len(training.z))
    fitted = QuantileRegression().fit(targeted(training, z), later, 0)
    assert weight_of(fitted, 0.95, which) == pytest.approx(0.45, abs=0.08)
    assert weight_of(fitted, 0.05, which) == pytest.approx(-0.45, abs=0.08)
    assert weight_of(fitted, 0.5, which) == pytest.approx(0.0, abs=0.08)


def test_levels_that_cross_far_away_are_put_in_order(
    training: Windows, later: Windows, targeted: Retarget
) -> None:
    spread = 0.5 + 0.5 * column(training, Column("range"))
    z = spread * np.random.default_rng(1).uniform(-1, 1, size=len(training.z))
    fitted = QuantileRegression().fit(targeted(training, z), later, 0)
    assert isinstance(fitted, LinearQuantiles)
    far = {**later.inputs, "sequence": np.full_like(later.inputs["sequence"], -8.0)}
    beyond = Windows(later.symbols, later.open_time_ms, far, later.sigma, later.last_close, later.z)
    assert (fitted.models[0](beyond) > fitted.models[4](beyond)).any()
    assert (np.diff(fitted.quantiles(beyond), axis=1) > 0).all()


@pytest.mark.parametrize("level", LEVELS)
def test_no_other_weights_have_a_smaller_check_loss(level: float) -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(4_000, 3))
    z = features @ [0.3, -0.1, 0.0] + rng.standard_t(3, size=4_000)
    intercept, *weights = fit_level(features, z, level, 0.0)

    def loss(change: np.ndarray) -> float:
        fit = intercept + change[0] + features @ (weights + change[1:])
        return pinball(z, fit[:, None], (level,))

    assert weights == pytest.approx([0.3, -0.1, 0.0], abs=0.15)
    for change in 0.05 * np.vstack([np.eye(4), -np.eye(4)]):
        assert loss(np.zeros(4)) < loss(change)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.75])
def test_the_gradient_is_that_of_the_loss(level: float) -> None:
    rng = np.random.default_rng(3)
    features, z = rng.normal(size=(500, 3)), rng.normal(size=500)
    loss = quantile_regression._loss
    for _ in range(5):
        error = check_grad(
            lambda w: loss(w, features, z, level)[0],
            lambda w: loss(w, features, z, level)[1],
            rng.normal(size=4),
        )
        assert error < 1e-5


def test_outside_of_the_kernel_the_loss_is_the_check_loss() -> None:
    z = np.array([-2.0, -0.5, 0.5, 3.0])
    smooth, _ = quantile_regression._loss(np.zeros(2), np.zeros((4, 1)), z, 0.25)
    assert smooth == pytest.approx(pinball(z, np.zeros((4, 1)), (0.25,)))
