from __future__ import annotations

import numpy as np
import pytest

from model.shrinkage import choose_weight, shrink

pytestmark = pytest.mark.unit

QUANTILES = np.array([[-1.0, 0.2, 1.4], [-2.0, -0.4, 1.0]])


def test_the_whole_row_moves_with_its_median() -> None:
    np.testing.assert_allclose(shrink(QUANTILES, 1.0), QUANTILES)
    np.testing.assert_allclose(shrink(QUANTILES, 0.0), [[-1.2, 0.0, 1.2], [-1.6, 0.0, 1.4]])
    half = shrink(QUANTILES, 0.5)
    np.testing.assert_allclose(half[:, 1], [0.1, -0.2])
    np.testing.assert_allclose(np.diff(half), np.diff(QUANTILES))


def test_noise_is_not_believed_and_truth_is() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=20_000)
    assert choose_weight(z, 0.3 * rng.normal(size=20_000)) <= 0.1
    assert choose_weight(z, z) == 1.0
    assert choose_weight(z, np.zeros(20_000)) == 0.0
    assert choose_weight(z, 2.0 * z) == 0.5
