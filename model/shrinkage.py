"""How much of a model's median is believed: λ in [0, 1], chosen on validation. Pure.

The median's edge is small and a short history overfits it before it overfits the bands; λ = 0 is
naive with the model's bands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from model.dataset import Windows
    from model.forecasters.forecaster import Fitted

Floats = npt.NDArray[np.float64]

WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))


def shrink(quantiles: Floats, weight: float) -> Floats:
    """Move all quantiles of a row together so that its median becomes `weight` times itself.

    Args:
        quantiles: (rows, levels) of z, the median in the middle.
        weight: λ.
    """
    median = quantiles[:, quantiles.shape[1] // 2 : quantiles.shape[1] // 2 + 1]
    return quantiles - (1.0 - weight) * median


def choose_weight(z: Floats, median: Floats) -> float:
    """Return the λ with the least mean absolute error; the smallest of equals.

    Args:
        z: targets, in sigmas.
        median: the model's, in sigmas.
    """
    errors = [float(np.mean(np.abs(z - weight * median))) for weight in WEIGHTS]
    return WEIGHTS[int(np.argmin(errors))]


def weight_on(validation: Windows, fitted: Fitted) -> float:
    """Return the λ that is best for a model, which is not shrunk yet, on windows that did not train it."""
    quantiles = fitted.quantiles(validation)
    return choose_weight(validation.z, quantiles[:, quantiles.shape[1] // 2])
