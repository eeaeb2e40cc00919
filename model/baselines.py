"""What the model has to beat: the last close, with EWMA volatility for bands. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MIN_GAP = 1e-3  # neighbouring quantiles of z at least this far apart: the network's head needs it


def empirical_quantiles(z: Floats, levels: Sequence[float]) -> tuple[float, ...]:
    """Return the training set's quantiles of z, with 0 at the median (the naive forecast).

    Args:
        z: next log-returns in units of sigma; NaN is left out.
        levels: odd in number, rising, 0.5 in the middle.

    Raises:
        ValueError: if there is no known z or the levels have no median.
    """
    known = z[np.isfinite(z)]
    middle = len(levels) // 2
    if len(known) == 0 or levels[middle] != 0.5:
        message = f"{len(known)} known targets and levels {tuple(levels)}: need some, and a median"
        raise ValueError(message)
    values = [float(value) for value in np.quantile(known, levels)]
    values[middle] = 0.0
    for index in range(middle + 1, len(values)):
        values[index] = max(values[index], values[index - 1] + MIN_GAP)
    for index in range(middle - 1, -1, -1):
        values[index] = min(values[index], values[index + 1] - MIN_GAP)
    return tuple(values)


def ewma_bands(last_close: Floats, sigma: Floats, base: Sequence[float]) -> Floats:
    """Return (rows, levels) prices: last close × exp(sigma × quantile of z)."""
    bands: Floats = last_close[:, None] * np.exp(sigma[:, None] * np.asarray(base)[None, :])
    return bands
