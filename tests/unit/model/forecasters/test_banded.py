from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.baselines import MIN_GAP
from model.dataset import Windows
from model.forecasters.banded import Constant, uncrossed, with_bands
from model.forecasters.forecaster import LEVELS

pytestmark = pytest.mark.unit

Floats = npt.NDArray[np.float64]


def test_bands_are_the_quantiles_of_the_residuals(training: Windows) -> None:
    banded = with_bands(Constant(0.4), training)
    row = banded.quantiles(training)[0]
    assert row[2] == 0.4
    expected = 0.4 + np.quantile(training.z - 0.4, LEVELS)
    np.testing.assert_allclose(row[[0, 1, 3, 4]], expected[[0, 1, 3, 4]])


def test_bands_need_a_target(
    training: Windows, targeted: Callable[[Windows, Floats], Windows]
) -> None:
    with pytest.raises(ValueError, match="known targets"):
        with_bands(Constant(0.0), targeted(training, np.full(len(training.z), np.nan)))


@given(arrays(float, st.tuples(st.integers(0, 5), st.just(5)), elements=st.floats(-9, 9)))
def test_what_crosses_is_moved_outwards(quantiles: Floats) -> None:
    out = uncrossed(quantiles)
    assert (np.diff(out, axis=1) > 0.9 * MIN_GAP).all()
    np.testing.assert_array_equal(out[:, 2], quantiles[:, 2])
    assert (out[:, :2] <= quantiles[:, :2]).all()
    assert (out[:, 3:] >= quantiles[:, 3:]).all()
    np.testing.assert_array_equal(uncrossed(out), out)


def test_what_does_not_cross_stays() -> None:
    quantiles = np.array([[-1.0, -0.5, 0.1, 0.4, 2.0]])
    np.testing.assert_array_equal(uncrossed(quantiles), quantiles)
