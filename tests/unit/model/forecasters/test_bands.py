from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conf.names import HOUR_MS
from model.dataset import Windows
from model.forecasters.bands import HourlyBands, Unconditional, target_hours
from model.forecasters.forecaster import LEVELS

pytestmark = pytest.mark.unit

Pick = Callable[[Windows, Any], Windows]
Retarget = Callable[..., Windows]


def test_unconditional_bands_are_a_coins_returns_whatever_its_volatility(
    training: Windows, later: Windows
) -> None:
    bands = Unconditional().fit(training, later, 0).quantiles(later)
    for symbol in ("BTCUSDT", "DOGEUSDT"):
        own = training.symbols == symbol
        expected = np.quantile(training.z[own] * training.sigma[own], LEVELS)
        returns = bands[later.symbols == symbol] * later.sigma[later.symbols == symbol][:, None]
        np.testing.assert_allclose(returns[:, [0, 1, 3, 4]] / expected[[0, 1, 3, 4]], 1, rtol=1e-9)
        assert (returns[:, 2] == 0).all()


def test_a_coin_without_training_has_the_returns_of_all(
    training: Windows, later: Windows, picked: Pick
) -> None:
    known = picked(training, training.symbols != "DOGEUSDT")
    bands = Unconditional().fit(known, later, 0).quantiles(later)
    new = later.symbols == "DOGEUSDT"
    expected = np.quantile(known.z * known.sigma, LEVELS[-1])
    np.testing.assert_allclose(bands[new, -1] * later.sigma[new], expected, rtol=1e-9)


def test_bands_are_those_of_the_targets_hour_of_the_day(
    training: Windows, later: Windows, targeted: Retarget
) -> None:
    """At 14 UTC, when the American exchanges open, everything moves three times as far."""
    at_14 = (training.open_time_ms + HOUR_MS) % (24 * HOUR_MS) == 14 * HOUR_MS
    z = np.random.default_rng(0).normal(size=len(training.z)) * np.where(at_14, 3.0, 1.0)
    bands = HourlyBands().fit(targeted(training, z), later, 0).quantiles(later)
    wide = (later.open_time_ms + HOUR_MS) % (24 * HOUR_MS) == 14 * HOUR_MS
    assert 10 < wide.sum() < len(wide) / 20
    assert (bands[wide, 4] == np.quantile(z[at_14], 0.95)).all()
    assert bands[wide, 4].min() > 1.8 * bands[~wide, 4].max()
    assert (bands[:, 2] == 0).all()


def test_an_hour_of_the_day_without_training_has_the_bands_of_all(
    training: Windows, later: Windows, picked: Pick
) -> None:
    known = picked(training, target_hours(training) != 3)
    bands = HourlyBands().fit(known, later, 0).quantiles(later)
    unknown = target_hours(later) == 3
    assert (bands[unknown, 4] == np.quantile(known.z, 0.95)).all()
