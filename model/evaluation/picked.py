"""Which rows a fit trains on, validates with and is scored on: by position. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.evaluation.plan import Fold
from model.evaluation.rows import Rows

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Picked:
    """Positions in `Rows`; all that a fit needs of it beside the features.

    Attributes:
        train: rows of volatile coins with features and a target, before the embargo.
        validation: the same of the last days before the fit.
        tested: rows that are scored: their next close exists.
        featured: which of `tested` a forecaster is asked for.
    """

    train: Positions
    validation: Positions
    tested: Positions
    featured: npt.NDArray[np.bool_]

    @property
    def asked(self) -> Positions:
        """Rows that a forecaster is asked for."""
        return self.tested[self.featured]


def pick_rows(rows: Rows, fold: Fold) -> Picked:
    """Choose a fit's rows.

    Raises:
        ValueError: if no volatile coin has a row to train on or to validate with.
    """
    has_target = (rows.feature >= 0) & np.isfinite(rows.z)
    trains = rows.between(fold.train_from_ms, fold.train_until_ms)
    train = np.flatnonzero(has_target & trains)
    validates = rows.between(fold.validation_from_ms, fold.validation_until_ms)
    validation = np.flatnonzero(has_target & validates)
    if not len(train) or not len(validation):
        message = (
            f"fit {fold.number + 1} has {len(train)} rows to train on and {len(validation)} to "
            "validate with: every volatile coin is without usable hours there"
        )
        raise ValueError(message)
    is_tested = rows.between(fold.test_from_ms, fold.test_until_ms) & np.isfinite(rows.next_close)
    tested = np.flatnonzero(is_tested)
    return Picked(train, validation, tested, rows.feature[tested] >= 0)
