"""The equal-weight mean of other forecasters' quantiles. Pure.

Weights are equal because estimated ones rarely win (the forecast combination puzzle, Stock and
Watson 2004). The mean of rising quantiles rises.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.forecasters.forecaster import Fitted, Forecaster

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mean:
    """The mean of fitted forecasters.

    Attributes:
        members: at least one.
    """

    members: tuple[Fitted, ...]

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z."""
        total = self.members[0].quantiles(rows)
        for member in self.members[1:]:
            total = total + member.quantiles(rows)
        return total / len(self.members)


@dataclass
class Ensemble:
    """Fits its members on the same rows and averages their quantiles.

    Attributes:
        name: as in `--models`.
        members: what is averaged, at least one.
        is_seeded: whether one of them is.

    Raises:
        ValueError: if there are no members.
    """

    name: str
    members: tuple[Forecaster, ...]
    is_seeded: bool = field(init=False)

    def __post_init__(self) -> None:
        if not self.members:
            message = f"the ensemble {self.name} has no members"
            raise ValueError(message)
        self.is_seeded = any(member.is_seeded for member in self.members)

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Fit each member."""
        return Mean(tuple(member.fit(rows, validation, seed) for member in self.members))
