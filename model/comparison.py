"""A challenger against the champion on the same windows: not worse, better, or who knows. Pure.

Bounds by the percentile bootstrap of whole weeks (Carlstein 1986), since coins move together and
losses cluster in time; the draws are the same in every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.names import HOUR_MS
from model.dataset import Windows

Floats = npt.NDArray[np.float64]

WEEK_MS = 7 * 24 * HOUR_MS
DRAWS = 2_000
BOUNDS = (0.05, 0.95)


@dataclass(frozen=True)
class Comparison:
    """Challenger against champion; each difference with its 90 % interval, below 0 is better.

    Attributes:
        champion: version that it was compared with.
        rows: windows that both scored.
        rmae: difference of the errors relative to the last close's, pooled.
        rmae_low: lower bound.
        rmae_high: upper bound.
        pinball: ratio of the mean pinball losses, minus 1.
        pinball_low: lower bound.
        pinball_high: upper bound.
    """

    champion: str
    rows: int
    rmae: float
    rmae_low: float
    rmae_high: float
    pinball: float
    pinball_low: float
    pinball_high: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Comparison:
        """Return a stored comparison."""
        return cls(**value)


def compare(
    windows: Windows,
    challenger: Floats,
    champion: Floats,
    levels: Sequence[float],
    version: str,
) -> Comparison:
    """Compare two models on the same windows.

    Args:
        windows: whose targets are the truth.
        challenger: (rows, levels) quantiles of z.
        champion: the same.
        levels: of both.
        version: the champion's name.
    """
    week = np.unique(windows.open_time_ms // WEEK_MS, return_inverse=True)[1]
    count = int(week.max()) + 1
    sums = np.stack(
        [
            np.bincount(week, losses, count)
            for losses in (
                *_losses(windows, challenger, levels),
                *_losses(windows, champion, levels),
                np.abs(np.expm1(windows.sigma * windows.z)),
            )
        ]
    )
    times = np.random.default_rng(0).multinomial(count, np.full(count, 1.0 / count), size=DRAWS)
    rmae, pinball = _differences(sums.sum(axis=1)[:, None])
    drawn = _differences(sums @ times.T)
    (rmae_low, rmae_high), (low, high) = (np.quantile(one, BOUNDS).tolist() for one in drawn)
    return Comparison(
        champion=version,
        rows=len(windows.z),
        rmae=float(rmae[0]),
        rmae_low=rmae_low,
        rmae_high=rmae_high,
        pinball=float(pinball[0]),
        pinball_low=low,
        pinball_high=high,
    )


def _losses(windows: Windows, quantiles: Floats, levels: Sequence[float]) -> tuple[Floats, Floats]:
    """Return (rows,) absolute errors as a share of the last close, and mean pinball losses."""
    median = quantiles[:, len(levels) // 2]
    actual = np.expm1(windows.sigma * windows.z)
    error = windows.z[:, None] - quantiles
    level = np.asarray(levels)
    pinball: Floats = np.mean(np.maximum(level * error, (level - 1.0) * error), axis=1)
    return np.abs(actual - np.expm1(windows.sigma * median)), pinball


def _differences(sums: Floats) -> tuple[Floats, Floats]:
    own_error, own_pinball, error, pinball, naive = sums
    return (own_error - error) / naive, own_pinball / pinball - 1.0
