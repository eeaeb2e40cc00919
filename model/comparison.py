"""A challenger against the champion on the same windows: not worse, better, or who knows. Pure.

Bounds by the percentile bootstrap of whole weeks (Carlstein 1986), since coins move together and
losses cluster in time; of whole days where a short history has too few weeks. The draws are the same
in every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.names import DAY_MS, WEEK_MS
from model.dataset import Windows

Floats = npt.NDArray[np.float64]

MIN_WEEKS = 8
"""Fewer bound nothing: of the three that two weeks of validation touch, the upper bound was the worst one."""

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
    block, count = _blocks(windows.open_time_ms)
    sums = np.stack(
        [
            np.bincount(block, losses, count)
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


def _blocks(open_time_ms: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    """Return (rows,) the number of each one's week, or day, and how many there are."""
    for length_ms in (WEEK_MS, DAY_MS):
        numbers = np.unique(open_time_ms // length_ms, return_inverse=True)[1]
        count = int(numbers.max()) + 1
        if count >= MIN_WEEKS:
            break
    return numbers, count


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
