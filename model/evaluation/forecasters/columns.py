"""Columns of the rows by the names of `model.feature_spec`, as float64. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.feature_spec import CONTEXT_HOURS, SEQUENCE_NAMES, STATIC_NAMES

Floats = npt.NDArray[np.float64]


def sequence_column(rows: Windows, name: str, lag: int = 0) -> Floats:
    """Return (rows,) of a sequence feature, `lag` hours before the last known hour.

    Args:
        rows: windows of the default feature order.
        name: one of `SEQUENCE_NAMES`.
        lag: 0 … `CONTEXT_HOURS` − 1.

    Raises:
        ValueError: if there is no such feature or the sequence is not that long.
    """
    if not 0 <= lag < CONTEXT_HOURS:
        message = f"lag {lag} is not in the {CONTEXT_HOURS} h of a sequence"
        raise ValueError(message)
    step = CONTEXT_HOURS - 1 - lag
    column: Floats = rows.inputs["sequence"][:, step, SEQUENCE_NAMES.index(name)].astype(float)
    return column


def static_column(rows: Windows, name: str) -> Floats:
    """Return (rows,) of a static feature.

    Args:
        rows: windows of the default feature order.
        name: one of `STATIC_NAMES`.

    Raises:
        ValueError: if there is no such feature.
    """
    column: Floats = rows.inputs["static"][:, STATIC_NAMES.index(name)].astype(float)
    return column
