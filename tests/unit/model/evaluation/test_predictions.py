"""What a row carries where no model is asked, and the bytes of the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conf.names import DAY_MS, HOUR_MS
from model.evaluation.hours import read_hours
from model.evaluation.plan import plan_folds
from model.evaluation.predictions import lay_ground, prediction_frame, write_predictions
from model.evaluation.rows import Rows, make_rows
from model.forecasters.forecaster import LEVELS
from tests.support.walks import (
    SETTINGS,
    SYMBOLS,
    TEST_FROM_MS,
    TEST_UNTIL_MS,
    holed_panel,
    write_folder,
)

pytestmark = pytest.mark.unit

(FOLD,) = plan_folds(
    TEST_FROM_MS - 40 * DAY_MS,
    TEST_FROM_MS - HOUR_MS,
    TEST_FROM_MS,
    TEST_UNTIL_MS,
    20 * DAY_MS,
    SETTINGS,
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    folder = write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS)
    return make_rows(read_hours(folder), FOLD.train_from_ms, FOLD.test_until_ms, SETTINGS)


def half_width(rows: Rows, symbol: str, times: slice) -> np.ndarray:
    """Return log(q95 / last close) of the baseline of a coin's test hours."""
    ground = lay_ground(rows, FOLD)
    own = rows.coin[ground.tested] == rows.spec.symbols.index(symbol)
    close = rows.close[ground.tested][own]
    return np.log(ground.baseline[own][:, -1] / close)[times]


def test_a_coin_back_from_a_long_absence_has_the_volatility_it_had(rows: Rows) -> None:
    coin = rows.coin == rows.spec.symbols.index("ETHUSDT")
    back = coin & (rows.open_time_ms >= TEST_FROM_MS)
    absent = replace(rows, sigma=np.where(back, np.nan, rows.sigma))
    trains = rows.between(FOLD.train_from_ms, FOLD.train_until_ms)
    own = np.nanmedian(rows.sigma[trains & coin])
    level = np.quantile(rows.z[lay_ground(rows, FOLD).train], LEVELS[-1])
    assert np.allclose(half_width(absent, "ETHUSDT", slice(None)), own * level)


def test_a_coin_that_never_was_there_has_the_median_of_the_volatile_ones(rows: Rows) -> None:
    trains = rows.between(FOLD.train_from_ms, FOLD.train_until_ms)
    level = np.quantile(rows.z[lay_ground(rows, FOLD).train], LEVELS[-1])
    first = half_width(rows, "SOLUSDT", slice(23))  # a sigma needs 24 hours
    assert np.allclose(first, np.nanmedian(rows.sigma[trains & ~rows.is_stable]) * level)


def test_equal_rows_are_equal_bytes(rows: Rows, tmp_path: Path) -> None:
    ground = lay_ground(rows, FOLD)
    for name in ("a", "b"):
        frame = prediction_frame(rows, ground.tested, "naive", ground.baseline)
        write_predictions(frame.copy(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    frame.loc[5, "reason"] = "another"
    write_predictions(frame, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()
