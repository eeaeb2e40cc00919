"""MLlib's trees: the same bits from equal seeds, scored here as Spark scores them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from conf.names import HOUR_MS
from model.dataset import Windows
from model.evaluation.catalogue import choose
from model.evaluation.hours import read_hours
from model.evaluation.rows import make_rows
from model.evaluation.walk import Done
from model.forecasters.banded import Banded
from model.forecasters.columns import table_with_coin
from model.forecasters.families import SPARK_FORECASTERS
from model.forecasters.forecaster import LEVELS, Fitted, SparkForecaster
from model.forecasters.mllib import BoostedTrees, RandomForest
from model.metrics import coverage, relative_mae
from tests.support.walks import (
    SETTINGS,
    SYMBOLS,
    TEST_FROM_MS,
    TEST_UNTIL_MS,
    holed_panel,
    walked,
    write_folder,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

NAMES = tuple(SPARK_FORECASTERS)


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS)


@pytest.fixture(scope="module")
def parts(candles: Path) -> tuple[Windows, Windows]:
    """Rows to train on, and later ones."""
    hours = read_hours(candles)
    rows = make_rows(hours, hours.first_ms, TEST_UNTIL_MS + HOUR_MS, SETTINGS)
    known = (rows.feature >= 0) & np.isfinite(rows.z)
    before = np.flatnonzero(known & (rows.open_time_ms < TEST_FROM_MS))
    after = np.flatnonzero(known & (rows.open_time_ms >= TEST_FROM_MS))
    assert min(len(before), len(after)) > 1000
    return rows.windows(before, with_targets=True), rows.windows(after, with_targets=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folder")


def fit(
    forecaster: SparkForecaster, spark: SparkSession, folder: Path, rows: Windows, seed: int = 3
) -> Fitted:
    return forecaster.on(spark, folder).fit(rows, rows, seed)


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(name: str, spark: SparkSession, folder: Path, parts: tuple[Windows, Windows]) -> Fitted:
    return fit(SPARK_FORECASTERS[name], spark, folder, parts[0])


def test_equal_seeds_give_equal_bits_and_others_do_not(
    name: str, fitted: Fitted, spark: SparkSession, folder: Path, parts: tuple[Windows, Windows]
) -> None:
    train, later = parts
    found = fitted.quantiles(later)
    again = fit(SPARK_FORECASTERS[name], spark, folder, train)
    np.testing.assert_array_equal(again.quantiles(later), found)
    other = fit(SPARK_FORECASTERS[name], spark, folder, train, seed=4)
    assert SPARK_FORECASTERS[name].is_seeded
    assert not np.array_equal(other.quantiles(later), found)
    assert not list(folder.iterdir())  # nothing stays


def test_quantiles_rise_and_bands_hold(fitted: Fitted, parts: tuple[Windows, Windows]) -> None:
    later = parts[1]
    quantiles = fitted.quantiles(later)
    assert quantiles.shape == (len(later.z), len(LEVELS))
    assert (np.diff(quantiles, axis=1) > 0).all()
    assert coverage(later.z, quantiles[:, 0], quantiles[:, 4]) == pytest.approx(0.9, abs=0.06)


def test_it_finds_that_steps_reverse(fitted: Fitted, parts: tuple[Windows, Windows]) -> None:
    later = parts[1]
    median = fitted.quantiles(later)[:, 2]
    assert relative_mae(later.z, median, np.zeros_like(median)) < 0.99


def test_the_outcome_is_never_looked_at(fitted: Fitted, parts: tuple[Windows, Windows]) -> None:
    later = parts[1]
    blind = replace(later, z=np.full(len(later.z), np.nan))
    np.testing.assert_array_equal(fitted.quantiles(blind), fitted.quantiles(later))


MODELS: list[Any] = []


@dataclass(frozen=True)
class WatchedForest(RandomForest):
    def weights(self, model: Any) -> list[float]:
        MODELS.append(model)
        return super().weights(model)


@dataclass(frozen=True)
class WatchedBoost(BoostedTrees):
    def weights(self, model: Any) -> list[float]:
        MODELS.append(model)
        return super().weights(model)


@pytest.mark.parametrize("grower", [WatchedForest(trees=5), WatchedBoost(trees=5)])
def test_trees_are_scored_as_spark_scores_them(
    grower: SparkForecaster, spark: SparkSession, folder: Path, parts: tuple[Windows, Windows]
) -> None:
    from pyspark.ml.linalg import Vectors

    train, later = parts
    found = fit(grower, spark, folder, train)
    assert isinstance(found, Banded)
    features = table_with_coin(later)[:500].astype(float).tolist()
    frame = spark.createDataFrame([(Vectors.dense(row),) for row in features], ["features"])
    rows = MODELS.pop().transform(frame).select("prediction").collect()
    expected = [row["prediction"] for row in rows]
    np.testing.assert_allclose(found.point(later)[:500], expected, rtol=1e-12, atol=1e-15)
    assert len(set(expected)) > 10


def test_a_sample_bounds_what_is_fitted(
    spark: SparkSession, folder: Path, parts: tuple[Windows, Windows]
) -> None:
    train, later = parts
    few = fit(WatchedForest(trees=2, most_rows=400), spark, folder, train)
    model = MODELS.pop()
    assert max(tree.numNodes for tree in model.trees) <= 7  # leaves of at least 100 of 200 rows
    assert few.quantiles(later).shape == (len(later.z), len(LEVELS))


def test_in_a_walk_they_are_fitted_once_by_spark_and_kept(
    spark: SparkSession, candles: Path, tmp_path: Path
) -> None:
    done: list[Done] = []
    first = walked(
        candles, choose("rf,drift"), tmp_path, spark=spark, seeds=(1, 2), on_done=done.append
    )
    assert sorted(
        (d.task.forecaster.name, d.task.seed) for d in done if d.task.fold.number == 0
    ) == [
        ("drift", 0),
        ("naive", 0),
        ("rf", 1),
        ("rf", 2),
    ]
    done.clear()
    second = walked(
        candles, choose("rf,drift"), tmp_path, spark=spark, seeds=(1, 2), on_done=done.append
    )
    assert all(one.is_kept for one in done)
    assert second.predictions.equals(first.predictions)
    (run,) = [run for run in first.runs if run.model == "rf" and run.seed == 1]
    assert run.refits == 3
    assert run.fit_s > 0
