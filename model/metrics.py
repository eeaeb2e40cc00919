"""How forecasts are judged: pinball loss, rMAE, directional accuracy, coverage. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def pinball(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> float:
    """Return the mean pinball loss over rows and levels, in the unit of `actual`.

    Args:
        actual: (rows,).
        quantiles: (rows, levels) or (levels,) for the same quantiles in every row.
        levels: in (0, 1), one per column.
    """
    error = actual[:, None] - quantiles
    level = np.asarray(levels)
    return float(np.mean(np.maximum(level * error, (level - 1.0) * error)))


def relative_mae(actual: Floats, predicted: Floats, naive: Floats) -> float:
    """Return MAE(predicted) / MAE(naive) on the same rows; NaN if naive is never wrong."""
    base = float(np.mean(np.abs(actual - naive)))
    return float(np.mean(np.abs(actual - predicted))) / base if base > 0 else float("nan")


def directional_accuracy(change: Floats, predicted_change: Floats) -> float:
    """Return the share of rows whose sign was right, in [0, 1].

    A row in which the truth or the forecast does not move counts one half, so that a forecast of
    no change scores exactly 0.5.
    """
    product = np.sign(change) * np.sign(predicted_change)
    return float(np.mean((product + 1.0) / 2.0))


def coverage(actual: Floats, low: Floats, high: Floats) -> float:
    """Return the share of rows inside the closed band, in [0, 1]."""
    return float(np.mean((actual >= low) & (actual <= high)))


def crossings(quantiles: Floats) -> int:
    """Return the number of rows whose quantiles are not in rising order; must be 0."""
    return int(np.sum((np.diff(quantiles, axis=1) < 0).any(axis=1)))
