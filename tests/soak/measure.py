"""Whether figures stay flat over a run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

Sample = tuple[float, float]
"""Wall seconds since the begin, value."""


@dataclass(frozen=True)
class Flatness:
    """A figure in the middle and in the last third of a run.

    Attributes:
        middle: median of the samples in the second third; the first is warm-up.
        last: median of the samples in the last third.
        most: the highest sample after the warm-up.
    """

    middle: float
    last: float
    most: float

    @property
    def drift(self) -> float:
        """By which share the last third is above (or, negative, below) the middle one."""
        return self.last / self.middle - 1 if self.middle else 0.0


def flatness(samples: Sequence[Sample], seconds: float) -> Flatness:
    """Return the figures of a run of so many seconds.

    Raises:
        ValueError: if a third has no sample.
    """
    middle = [value for at_s, value in samples if seconds / 3 <= at_s < 2 * seconds / 3]
    last = [value for at_s, value in samples if 2 * seconds / 3 <= at_s <= seconds]
    if not middle or not last:
        message = f"{len(samples)} samples do not cover {seconds:.0f} s"
        raise ValueError(message)
    return Flatness(median(middle), median(last), max(middle + last))
