"""Gradient-boosted trees (LightGBM): the median by absolute error, the bands by quantile loss; shrunk by λ. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.forecasters.banded import TARGET_CLIP, uncrossed
from model.forecasters.columns import table_with_coin
from model.forecasters.forecaster import LEVELS, ForecasterError
from model.shrinkage import shrink, weight_on

Floats = npt.NDArray[np.float64]

TREES = 250
SETTINGS = {
    "num_leaves": 15,
    "learning_rate": 0.03,
    "min_data_in_leaf": 500,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "feature_fraction": 0.5,
    "lambda_l2": 50.0,
}
"""Regularised: near its defaults LightGBM is worse than the last close on such weak a signal."""

WEIGHT_OF_OLD = 1.0
"""λ of boosters from a version of the registry that was written before they had one."""


@dataclass(frozen=True)
class TreeQuantiles:
    """One booster per level.

    Attributes:
        boosters: in the order of `LEVELS`.
        threads: that score.
        weight: λ of `model.shrinkage`, chosen on validation.
    """

    boosters: tuple[Any, ...]
    threads: int
    weight: float

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z, rising around the median."""
        features = table_with_coin(rows)
        columns = [booster.predict(features, num_threads=self.threads) for booster in self.boosters]
        return shrink(uncrossed(np.stack(columns, axis=1)), self.weight)

    @property
    def digest(self) -> str:
        """SHA-256 of the boosters' texts and λ."""
        texts = "".join(booster.model_to_string() for booster in self.boosters)
        return hashlib.sha256(f"{texts}{self.weight}".encode()).hexdigest()

    def save(self, folder: Path, stem: str) -> dict[str, Any]:
        """Write one text file per level."""
        files = [f"{stem}-{round(100 * level):02d}.txt" for level in LEVELS]
        for booster, file in zip(self.boosters, files, strict=True):
            (folder / file).write_text(booster.model_to_string())
        return {"kind": "trees", "files": files, "weight": self.weight}

    @classmethod
    def load(cls, folder: Path, entry: Mapping[str, Any]) -> TreeQuantiles:
        """Return what `save` wrote; scores on one thread.

        Raises:
            ForecasterError: if LightGBM's library cannot be loaded or a file is no model of it.
        """
        lightgbm = _lightgbm()
        texts = [(folder / file).read_text() for file in entry["files"]]
        try:
            boosters = tuple(lightgbm.Booster(model_str=text) for text in texts)
        except lightgbm.basic.LightGBMError as error:
            message = f"{', '.join(entry['files'])}: no boosters of LightGBM: {error}"
            raise ForecasterError(message) from error
        return cls(boosters, threads=1, weight=float(entry.get("weight", WEIGHT_OF_OLD)))


@dataclass(frozen=True)
class GradientBoosting:
    """LightGBM on the flat table and the coin, pooled over coins; the same bits for equal seeds.

    Attributes:
        threads: that fit and score; more change nothing but the time.
        trees: boosting rounds of each level.
    """

    name = "lightgbm"
    is_seeded = True

    threads: int = 1
    trees: int = TREES

    def fit(self, rows: Windows, validation: Windows, seed: int) -> TreeQuantiles:
        """Fit on the training rows; `validation` chooses λ, the number of trees is fixed.

        Raises:
            OSError: if LightGBM's library cannot be loaded; says what to install.
        """
        lightgbm = _lightgbm()
        settings = {
            **SETTINGS,
            "deterministic": True,
            "force_col_wise": True,  # a fifth faster than by rows at this shape
            "num_threads": self.threads,
            "seed": seed,
            "verbosity": -1,
        }
        features = table_with_coin(rows)
        data = lightgbm.Dataset(
            features,
            np.clip(rows.z, -TARGET_CLIP, TARGET_CLIP),
            categorical_feature=[features.shape[1] - 1],
            params=settings,
        )
        boosters = tuple(
            lightgbm.train({**settings, **_objective(level)}, data, num_boost_round=self.trees)
            for level in LEVELS
        )
        fitted = TreeQuantiles(boosters, self.threads, weight=1.0)
        return replace(fitted, weight=weight_on(validation, fitted))


def _lightgbm() -> Any:
    try:
        import lightgbm
    except OSError as error:  # its wheel takes the runtime of OpenMP from the system
        message = (
            f"LightGBM cannot be loaded ({error}): install the OpenMP runtime "
            "(Debian: apt-get install libgomp1; macOS: brew install libomp)"
        )
        raise ForecasterError(message) from error
    return lightgbm


def _objective(level: float) -> dict[str, Any]:
    if level == 0.5:
        return {"objective": "regression_l1"}
    return {"objective": "quantile", "alpha": level}
