"""Spark MLlib's tree ensembles: a random forest with squared error, boosted trees with absolute error.

The forest is that of Goerur 2018, but on z: trees cannot leave the range of prices that they were
grown on. Both take the flat table with the coin's index and z clipped; the bands are the empirical
quantiles of what was left over. Spark grows the trees with jobs of its own, from the driver;
scoring is that of `trees`.

The rows are a sample of at most `MAX_ROWS` and lie in two partitions whatever the machine: sums of
two parts are the same in either order, so that equal seeds give equal bits, and two cores are used.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from model.dataset import Windows
from model.forecasters.banded import TARGET_CLIP, with_bands
from model.forecasters.columns import table_with_coin
from model.forecasters.forecaster import Fitted, Forecaster
from model.forecasters.trees import read_trees

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MAX_ROWS = 100_000
PARTITIONS = 2
CHUNK_ROWS = 5_000
"""Rows that go to the JVM at once."""

AGGREGATION_MIB = 64
"""Of the statistics of the nodes that are split in one pass, in a JVM of 512 MiB."""

SCHEMA = "features array<double>, label double"


@dataclass(frozen=True)
class RandomForest:
    """MLlib's RandomForestRegressor.

    Attributes:
        trees: how many.
        depth: of each at most.
        most_rows: that are fitted on.
    """

    name = "rf"
    is_seeded = True

    trees: int = 50
    depth: int = 8
    most_rows: int = MAX_ROWS

    def on(self, session: SparkSession, folder: Path) -> Forecaster:
        """Return the forecaster on a session."""
        return Grown(self, session, folder)

    def estimator(self, seed: int) -> Any:
        """Return the estimator."""
        from pyspark.ml.regression import RandomForestRegressor

        return RandomForestRegressor(
            numTrees=self.trees,
            maxDepth=self.depth,
            minInstancesPerNode=100,
            featureSubsetStrategy="onethird",
            subsamplingRate=0.5,
            maxMemoryInMB=AGGREGATION_MIB,
            seed=seed,
        )

    def weights(self, model: Any) -> list[float]:
        """Return equal weights: a forest is the mean of its trees."""
        return [1.0 / model.getNumTrees] * model.getNumTrees


@dataclass(frozen=True)
class BoostedTrees:
    """MLlib's GBTRegressor with absolute error.

    Its first tree is grown by squared error and its leaves are means of signs, as MLlib has it:
    LightGBM, which takes medians, does better.

    Attributes:
        trees: how many.
        depth: of each at most.
        most_rows: that are fitted on.
    """

    name = "gbt"
    is_seeded = True

    trees: int = 50
    depth: int = 4
    most_rows: int = MAX_ROWS

    def on(self, session: SparkSession, folder: Path) -> Forecaster:
        """Return the forecaster on a session."""
        return Grown(self, session, folder)

    def estimator(self, seed: int) -> Any:
        """Return the estimator."""
        from pyspark.ml.regression import GBTRegressor

        return GBTRegressor(
            lossType="absolute",
            maxIter=self.trees,
            maxDepth=self.depth,
            stepSize=0.1,
            minInstancesPerNode=500,
            featureSubsetStrategy="onethird",
            subsamplingRate=0.5,
            maxMemoryInMB=AGGREGATION_MIB,
            seed=seed,
        )

    def weights(self, model: Any) -> list[float]:
        """Return MLlib's own: 1 for the first tree, the step size for the others."""
        return [float(weight) for weight in model.treeWeights]


class Grown:
    """A model of MLlib on a session.

    Args:
        grower: which model.
        session: where it is fitted.
        folder: for the sample and the nodes, while they are needed.
    """

    def __init__(
        self, grower: RandomForest | BoostedTrees, session: SparkSession, folder: Path
    ) -> None:
        self.name = grower.name
        self.is_seeded = grower.is_seeded
        self._grower = grower
        self._session = session
        self._folder = folder

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit on a sample of the training rows, with bands from all; `validation` is not used."""
        known = np.flatnonzero(np.isfinite(rows.z))
        count = min(self._grower.most_rows, len(known))
        chosen = np.sort(np.random.default_rng(seed).choice(known, count, replace=False))
        features = table_with_coin(rows)[chosen].astype(np.float64)
        label = np.clip(rows.z[chosen], -TARGET_CLIP, TARGET_CLIP)
        folder = self._folder.resolve() / f"{self.name}-{uuid.uuid4().hex}.partial"
        folder.mkdir(parents=True)
        try:
            np.save(folder / "rows.npy", np.concatenate([features, label[:, None]], axis=1))
            frame = _frame(self._session, folder / "rows.npy").persist()
            model = self._grower.estimator(seed).fit(frame)
            frame.unpersist()
            model.save((folder / "model").as_uri())
            trees = read_trees(folder / "model", self._grower.weights(model))
        finally:
            shutil.rmtree(folder)
        return with_bands(trees, rows)


def _frame(session: SparkSession, file: Path) -> DataFrame:
    """Return features and label of a file's rows, in two partitions and in the file's order."""
    from pyspark.ml.functions import array_to_vector

    parts = session.range(0, PARTITIONS, 1, numPartitions=PARTITIONS)
    read = parts.mapInPandas(partial(_read, file), SCHEMA)
    return read.select(array_to_vector("features").alias("features"), "label")


def _read(file: Path, parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield the rows of a partition: runs in Spark's Python workers."""
    rows = np.load(file, mmap_mode="r")
    for frame in parts:
        for part in frame["id"].tolist():
            first, last = (len(rows) * number // PARTITIONS for number in (part, part + 1))
            for start in range(first, last, CHUNK_ROWS):
                chunk = np.array(rows[start : min(start + CHUNK_ROWS, last)])
                yield pd.DataFrame({"features": list(chunk[:, :-1]), "label": chunk[:, -1]})
