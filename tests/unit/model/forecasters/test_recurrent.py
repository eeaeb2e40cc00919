"""The network as a forecaster: the same twice, never worse than its baseline on validation."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.baselines import empirical_quantiles
from model.dataset import Windows
from model.evaluation.hours import read_hours
from model.evaluation.rows import make_rows
from model.forecasters.forecaster import LEVELS
from model.forecasters.recurrent import Recurrent
from model.metrics import pinball
from tests.support.model_history import START_MS
from tests.support.walks import SETTINGS, holed_panel, write_folder

pytestmark = pytest.mark.unit

COINS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Windows, Windows, Windows]:
    """Return rows to train on, to validate with and to score."""
    folder = write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), COINS)
    hours = [START_MS + n * HOUR_MS for n in (400, 1200, 1400, 1550)]
    rows = make_rows(read_hours(folder), hours[0], hours[-1], SETTINGS)
    known = (rows.feature >= 0) & np.isfinite(rows.z)
    train, validation, test = (
        rows.windows(np.flatnonzero(known & rows.between(first, last)), with_targets=True)
        for first, last in pairwise(hours)
    )
    return train, validation, test


def loss(rows: Windows, quantiles: np.ndarray) -> float:
    return pinball(rows.z, quantiles, LEVELS)


@pytest.mark.timeout(300)
def test_a_fit_is_the_same_twice_and_another_with_another_seed(
    parts: tuple[Windows, Windows, Windows],
) -> None:
    train, validation, test = parts
    forecaster = Recurrent(
        "lstm", ModelSettings(epochs=2, threads=1, learning_rate=0.01, batch_size=128)
    )
    first, again, other = (
        forecaster.fit(train, validation, seed).quantiles(test) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    base = np.asarray(empirical_quantiles(train.z, LEVELS))
    assert loss(test, first) < 0.995 * loss(test, np.tile(base, (len(test.z), 1)))


def test_what_only_harms_on_validation_leaves_the_baseline(
    parts: tuple[Windows, Windows, Windows],
) -> None:
    train, validation, test = parts
    against = replace(validation, z=-validation.z)
    fitted = Recurrent("lstm", ModelSettings(epochs=1, threads=1, learning_rate=0.01)).fit(
        train, against, 1
    )
    quantiles = fitted.quantiles(test)
    base = np.asarray(empirical_quantiles(train.z, LEVELS))
    assert np.abs(quantiles - base).max() < 1e-5
    assert (quantiles[:, 2] == 0).all()
