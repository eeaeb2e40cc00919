"""How a fitted network did on the windows that chose it, beside the baseline on the same rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.metrics import coverage, crossings, directional_accuracy, pinball, relative_mae

TOLERANCE = 1e-6  # the untrained network equals the baseline to float32 only

Status = Literal["bootstrap", "candidate"]


@dataclass(frozen=True)
class Judgement:
    """Figures on the validation windows; pinball in sigmas, shares in [0, 1].

    Attributes:
        val_pinball: of the network.
        ewma_pinball: of naive + EWMA bands.
        val_rmae: mean over coins of MAE / naive MAE, prices.
        val_da: directional accuracy, ties ½.
        val_coverage: of the 90 % band.
        ewma_coverage: of the baseline's.
        crossings: rows whose quantiles are out of order.
        rmae: by coin.
    """

    val_pinball: float
    ewma_pinball: float
    val_rmae: float
    val_da: float
    val_coverage: float
    ewma_coverage: float
    crossings: int
    rmae: dict[str, float]

    @property
    def status(self) -> Status:
        """`bootstrap` if the network may serve, else `candidate`."""
        is_good = self.val_pinball <= self.ewma_pinball + TOLERANCE and self.crossings == 0
        return "bootstrap" if is_good else "candidate"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value."""
        return asdict(self)


def judge(
    windows: Windows,
    quantiles: npt.NDArray[np.float64],
    base: Sequence[float],
    levels: Sequence[float],
) -> Judgement:
    """Compare quantiles of z with the truth and with the baseline.

    Args:
        windows: whose targets are the truth.
        quantiles: (rows, levels) of z.
        base: the baseline's quantiles of z, equal in all rows.
        levels: of both.
    """
    bands = np.broadcast_to(np.asarray(base), quantiles.shape)
    median = quantiles[:, len(levels) // 2]
    actual = windows.last_close * np.exp(windows.sigma * windows.z)
    predicted = windows.last_close * np.exp(windows.sigma * median)
    rmae = {}
    for symbol in sorted(set(windows.symbols)):
        rows = windows.symbols == symbol
        rmae[str(symbol)] = relative_mae(actual[rows], predicted[rows], windows.last_close[rows])
    known = [value for value in rmae.values() if np.isfinite(value)]
    return Judgement(
        val_pinball=pinball(windows.z, quantiles, levels),
        ewma_pinball=pinball(windows.z, bands, levels),
        val_rmae=float(np.mean(known)) if known else float("nan"),
        val_da=directional_accuracy(windows.z, median),
        val_coverage=coverage(windows.z, quantiles[:, 0], quantiles[:, -1]),
        ewma_coverage=coverage(windows.z, bands[:, 0], bands[:, -1]),
        crossings=crossings(quantiles),
        rmae=rmae,
    )
