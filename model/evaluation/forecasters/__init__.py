"""Forecasters by the name used in `--models`; each file is one family."""

from __future__ import annotations

from model.evaluation.forecaster import Forecaster, SparkForecaster
from model.evaluation.forecasters.arima import Arima
from model.evaluation.forecasters.bands import HourlyBands, Unconditional
from model.evaluation.forecasters.boosting import GradientBoosting
from model.evaluation.forecasters.garch import GarchForecaster
from model.evaluation.forecasters.linear import Autoregression, Ridge
from model.evaluation.forecasters.mllib import BoostedTrees, RandomForest
from model.evaluation.forecasters.naive import Drift, Naive
from model.evaluation.forecasters.paper import PaperLstm
from model.evaluation.forecasters.quantile_regression import QuantileRegression
from model.evaluation.forecasters.rule import ReversalRule, SeasonalNaive, WeeklyNaive

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
"""Every forecaster that needs no Spark, in the order of the report."""

_BY_SPARK: tuple[SparkForecaster, ...] = (RandomForest(), BoostedTrees())

SPARK_FORECASTERS: dict[str, SparkForecaster] = {
    forecaster.name: forecaster for forecaster in _BY_SPARK
}
"""Those that Spark fits."""
