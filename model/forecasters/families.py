"""Forecasters by the name used in `--models`."""

from __future__ import annotations

from model.forecasters.arima import Arima
from model.forecasters.bands import HourlyBands, Unconditional
from model.forecasters.boosting import GradientBoosting
from model.forecasters.forecaster import Forecaster, SparkForecaster
from model.forecasters.garch import GarchForecaster
from model.forecasters.linear import Autoregression, Ridge
from model.forecasters.mllib import BoostedTrees, RandomForest
from model.forecasters.naive import Drift, Naive
from model.forecasters.paper import PaperLstm
from model.forecasters.quantile_regression import QuantileRegression
from model.forecasters.rule import ReversalRule, SeasonalNaive, WeeklyNaive

_ALL: tuple[Forecaster, ...] = (
    Naive(),
    Unconditional(),
    HourlyBands(),
    GarchForecaster(),
    Drift(),
    SeasonalNaive(),
    WeeklyNaive(),
    ReversalRule(),
    Autoregression(),
    Arima(),
    Ridge(),
    QuantileRegression(),
    GradientBoosting(),
    PaperLstm(),
)

FORECASTERS: dict[str, Forecaster] = {forecaster.name: forecaster for forecaster in _ALL}
"""Every forecaster that needs neither TensorFlow's fit loop nor Spark, in the report's order."""

_BY_SPARK: tuple[SparkForecaster, ...] = (RandomForest(), BoostedTrees())

SPARK_FORECASTERS: dict[str, SparkForecaster] = {one.name: one for one in _BY_SPARK}
"""Those that Spark fits."""
