from __future__ import annotations

import numpy as np
import pytest

from conf.contracts.forecasts import QUANTILES
from model.baselines import empirical_quantiles, ewma_bands

pytestmark = pytest.mark.unit


def test_quantiles_are_the_samples_with_a_naive_median() -> None:
    z = np.concatenate([np.random.default_rng(0).normal(0.3, 1, 10_000), [np.nan]])
    base = empirical_quantiles(z, QUANTILES)
    assert base[2] == 0.0
    assert base[0] == pytest.approx(np.nanquantile(z, 0.05))
    assert base[4] == pytest.approx(np.nanquantile(z, 0.95))


def test_quantiles_rise_even_if_the_sample_is_flat_or_one_sided() -> None:
    for z in (np.zeros(100), np.full(100, 3.0), np.full(100, -3.0)):
        assert (np.diff(empirical_quantiles(z, QUANTILES)) > 0).all()


def test_no_target_is_an_error() -> None:
    with pytest.raises(ValueError, match="known targets"):
        empirical_quantiles(np.array([np.nan]), QUANTILES)


def test_bands_are_around_the_last_close() -> None:
    bands = ewma_bands(np.array([100.0, 2.0]), np.array([0.01, 0.02]), (-1.0, 0.0, 1.0))
    np.testing.assert_allclose(bands[:, 1], [100.0, 2.0])
    np.testing.assert_allclose(bands[0], 100 * np.exp([-0.01, 0.0, 0.01]))
