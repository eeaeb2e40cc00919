from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from model.baselines import empirical_quantiles
from model.dataset import Windows
from model.forecasters.forecaster import LEVELS
from model.forecasters.naive import Drift, Naive

pytestmark = pytest.mark.unit


def test_naive_is_the_last_close_with_ewma_bands(training: Windows, later: Windows) -> None:
    quantiles = Naive().fit(training, later, 0).quantiles(later)
    expected = empirical_quantiles(training.z, LEVELS)
    np.testing.assert_array_equal(quantiles, np.tile(expected, (len(later.z), 1)))
    assert (quantiles[:, 2] == 0).all()


def test_drift_is_the_mean_and_one_jump_is_not_all_of_it(
    training: Windows, later: Windows, targeted: Callable[..., Windows]
) -> None:
    z = np.clip(training.z, -3, 3) + 0.1
    z[0] = 1e6
    quantiles = Drift().fit(targeted(training, z), later, 0).quantiles(later)
    expected = (z[1:].sum() + 6.0) / len(z)
    np.testing.assert_allclose(quantiles[:, 2], expected)
