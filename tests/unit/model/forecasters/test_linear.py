from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from model.dataset import Windows
from model.forecasters.banded import Banded
from model.forecasters.columns import COLUMNS, Column, column, table
from model.forecasters.linear import (
    PENALTIES,
    Autoregression,
    Linear,
    Ridge,
    least_squares,
)

pytestmark = pytest.mark.unit

Retarget = Callable[..., Windows]


def noise(rows: Windows, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=len(rows.z))


def test_ar_finds_the_pull_of_the_last_step(training: Windows, validation: Windows) -> None:
    fitted = Autoregression().fit(training, validation, 0)
    assert isinstance(fitted, Banded)
    assert isinstance(fitted.point, Linear)
    assert [which.name for which in fitted.point.columns] == ["own_return"] * 3
    assert [which.lag for which in fitted.point.columns] == [0, 1, 2]
    np.testing.assert_allclose(fitted.point.weights, [-0.3, 0.0, 0.0], atol=0.05)


def test_without_penalty_it_is_least_squares(training: Windows) -> None:
    columns = COLUMNS[:30]
    (model,) = least_squares(training, columns, (0.0,))
    features = np.column_stack([np.ones(len(training.z)), table(training, columns)])
    expected = np.linalg.lstsq(features, np.clip(training.z, -6, 6), rcond=None)[0]
    np.testing.assert_allclose(model(training), features @ expected, atol=1e-6)


def test_a_penalty_draws_the_weights_to_nothing(training: Windows) -> None:
    sizes = [
        np.abs(model.weights).sum() for model in least_squares(training, COLUMNS, (0.0, 1.0, 1e6))
    ]
    assert sizes[0] > 1.3 * sizes[1] > 1_000 * sizes[2]


def test_the_penalty_is_chosen_on_validation(
    training: Windows, validation: Windows, targeted: Retarget
) -> None:
    """The least where validation has the signal of the training, the most where it has another."""
    signals = [0.5 * column(rows, Column("volume_z")) for rows in (training, validation)]
    known = targeted(training, signals[0] + 0.05 * noise(training))
    for sign, penalty in ((1.0, PENALTIES[0]), (-1.0, PENALTIES[-1])):
        unknown = targeted(validation, sign * signals[1] + 0.05 * noise(validation, 1))
        fitted = Ridge().fit(known, unknown, 0)
        assert isinstance(fitted, Banded)
        assert fitted.point == least_squares(known, COLUMNS, (penalty,))[0]


def test_a_feature_that_never_varies_has_no_weight(training: Windows, validation: Windows) -> None:
    present = Column("lead_present")
    (model,) = least_squares(training, (present, Column("own_return")), (0.0,))
    assert column(training, present).std() == 0
    assert model.weights[0] == 0.0
    assert np.isfinite(model(validation)).all()


def test_one_jump_is_not_the_whole_fit(training: Windows, targeted: Retarget) -> None:
    jumped = training.z.copy()
    jumped[10] = 1e5
    (model,) = least_squares(targeted(training, jumped), COLUMNS[:3], (0.0,))
    assert np.abs(model.weights).max() < 1.0
