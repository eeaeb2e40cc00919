"""What the harness asks of a forecaster: fit on rows of the past, then quantiles of z for later rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from conf.contracts.forecasts import QUANTILES
from model.dataset import Windows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LEVELS = QUANTILES
"""Quantile levels of every forecast, the columns q05 … q95 of `predictions.parquet`."""

Floats = npt.NDArray[np.float64]


class ForecasterError(Exception):
    """A model cannot be fitted here, or gave what is no forecast; one line that says which."""


class Fitted(Protocol):
    """A forecaster that was fitted; deterministic and without state."""

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z = next log-return / sigma, rising in each row.

        Each row is a function of that row's inputs alone: which other rows are there changes
        nothing. `rows.z` is never looked at.
        """
        ...


@runtime_checkable
class Servable(Fitted, Protocol):
    """A fitted forecaster that can be kept in the registry; `model.forecasters.serving` loads it."""

    @property
    def digest(self) -> str:
        """Hex digest of all that was learned; equal fits have equal ones."""
        ...

    def save(self, folder: Path, stem: str) -> dict[str, Any]:
        """Write files whose names begin with `stem`; return a JSON value that loads them again."""
        ...


class Forecaster(Protocol):
    """A kind of model.

    Attributes:
        is_seeded: whether its fit depends on the seed; one that does not is fitted once.
    """

    is_seeded: bool

    @property
    def name(self) -> str:
        """As in `--models` and in the column `model`."""
        ...

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit on rows of the past.

        Args:
            rows: training rows of the volatile coins, usable, z known, ordered by hour and coin.
            validation: the rows of the last days before the fit, later than `rows` by the embargo;
                for early stopping and λ.
            seed: of all randomness.
        """
        ...


@runtime_checkable
class SparkForecaster(Protocol):
    """A kind of model that Spark fits as jobs of its own, so that no Spark task can.

    Attributes:
        name: as in `--models` and in the column `model`.
        is_seeded: whether its fit depends on the seed.
    """

    name: str
    is_seeded: bool

    def on(self, session: SparkSession, folder: Path) -> Forecaster:
        """Return the forecaster that fits on a session, from the driver.

        Args:
            session: a running one.
            folder: for files on the way, seen by driver and executors; nothing stays in it.
        """
        ...


Kind = Forecaster | SparkForecaster
"""What may be fitted."""
