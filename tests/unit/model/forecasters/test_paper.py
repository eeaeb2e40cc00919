from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conf.names import HOUR_MS
from model.dataset import Windows
from model.forecasters.banded import Banded
from model.forecasters.paper import (
    LOOK_BACK_HOURS,
    UNITS,
    Levels,
    PaperLstm,
    last_closes,
    scales,
)
from model.metrics import relative_mae

pytestmark = pytest.mark.unit

Pick = Callable[[Windows, Any], Windows]


@pytest.fixture(scope="module")
def fitted(training: Windows, validation: Windows) -> Banded:
    result = PaperLstm().fit(training, validation, 1)
    assert isinstance(result, Banded)
    return result


def test_closes_are_those_of_the_last_day(all_rows: Windows, panel: pd.DataFrame) -> None:
    closes = last_closes(all_rows)
    assert (closes[:, -1] == all_rows.last_close).all()
    exact = 0
    for row in range(0, len(all_rows.z), 97):
        hours = panel[panel["symbol"] == all_rows.symbols[row]].set_index("open_time_ms")["close"]
        at = all_rows.open_time_ms[row] - HOUR_MS * np.arange(LOOK_BACK_HOURS)[::-1]
        exact += bool(np.allclose(closes[row], hours[at], rtol=1e-4))
    assert exact >= 0.9 * len(range(0, len(all_rows.z), 97))  # the others hold a clipped return


def test_scoring_is_what_keras_would_say(training: Windows, fitted: Banded) -> None:
    import keras

    levels = fitted.point
    assert isinstance(levels, Levels)
    network = keras.Sequential(
        [
            keras.Input((LOOK_BACK_HOURS, 1)),
            keras.layers.LSTM(UNITS),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )
    network.set_weights(levels.weights)
    low, span = scales(training, levels.ranges)
    closes = (last_closes(training) - low[:, None]) / span[:, None]
    expected = np.asarray(network(closes[:, :, None].astype(np.float32)))[:, 0]
    price = training.last_close * np.exp(training.sigma * levels(training))
    np.testing.assert_allclose((price - low) / span, expected, atol=1e-4)


def test_it_learns_the_level_and_is_far_worse_than_the_last_close(
    training: Windows, later: Windows, fitted: Banded
) -> None:
    z = fitted.point(training)
    price = training.last_close * np.exp(training.sigma * z)
    for symbol in set(training.symbols):
        own = training.symbols == symbol
        assert np.corrcoef(price[own], training.last_close[own])[0, 1] > 0.8
    assert relative_mae(training.z, z, np.zeros_like(z)) > 2
    median = fitted.quantiles(later)[:, 2]
    assert relative_mae(later.z, median, np.zeros_like(median)) > 2


def test_it_cannot_leave_the_range_of_its_training(fitted: Banded, later: Windows) -> None:
    levels = fitted.point
    assert isinstance(levels, Levels)
    dear = replace(later, last_close=later.last_close * 20)
    price = dear.last_close * np.exp(dear.sigma * levels(dear))
    highest = np.array([levels.ranges[symbol][1] for symbol in dear.symbols])
    assert (price <= highest * 1.0001).all()


def test_a_coin_it_never_saw_has_a_range_of_its_own(later: Windows) -> None:
    low, span = scales(later, {"BTCUSDT": (10.0, 30.0)})
    known = later.symbols == "BTCUSDT"
    assert (low[known] == 10).all()
    assert (span[known] == 20).all()
    np.testing.assert_array_equal(span[~known], 2 * later.last_close[~known])
