"""What the champion may be made of where it is served: forecasters whose fits the registry can keep."""

from __future__ import annotations

from conf.model import CELLS
from model.forecasters.boosting import GradientBoosting
from model.forecasters.forecaster import Forecaster
from model.forecasters.quantile_regression import QuantileRegression
from model.forecasters.recurrent import Recurrent

_ALL: tuple[Forecaster, ...] = (
    *map(Recurrent, CELLS),
    QuantileRegression(),
    GradientBoosting(),
)

SERVABLE: dict[str, Forecaster] = {one.name: one for one in _ALL}
"""By the name used in `--models`."""
