"""Models whose forecasts are known, or that fail; Spark's workers import them from here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.baselines import empirical_quantiles
from model.dataset import Windows
from model.forecasters.forecaster import LEVELS, Fitted, ForecasterError


@dataclass(frozen=True)
class Constants:
    """The same quantiles for every row."""

    values: tuple[float, ...]

    def quantiles(self, rows: Windows) -> npt.NDArray[np.float64]:
        return np.tile(np.asarray(self.values), (len(rows.z), 1))


class Seeded:
    """Its median is seed / 100: what the mean over seeds is, is known."""

    name = "seeded"
    is_seeded = True

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        base = empirical_quantiles(rows.z, LEVELS)
        return Constants(tuple(value + seed / 100 for value in base))


class Peeking(Seeded):
    """Forecasts the target itself, which is no number for it."""

    name = "peeking"

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        return self  # type: ignore[return-value]

    def quantiles(self, rows: Windows) -> npt.NDArray[np.float64]:
        return rows.z[:, None] + np.asarray(LEVELS)[None, :]


class Faulty(Seeded):
    """Has a fault that nobody has thought of."""

    name = "faulty"

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        message = "nobody thought of it"
        raise KeyError(message)


class Mending(Seeded):
    """Cannot be fitted while a file is there."""

    name = "mending"

    def __init__(self, switch: Path) -> None:
        self.switch = switch

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        if self.switch.exists():
            message = "mending: no room"
            raise ForecasterError(message)
        return super().fit(rows, validation, seed)


class Broken(Seeded):
    """Cannot be sent to another process."""

    name = "broken"

    def __setstate__(self, state: object) -> None:
        message = "broken on the way"
        raise ValueError(message)

    def __getstate__(self) -> object:
        return {"something": 1}


class Dying(Seeded):
    """Its process ends in the midst of the fit, as one does that the system has ended."""

    name = "dying"

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        os._exit(9)
