"""Judged hours → the rows of the analysis tables, as Postgres has them (migration 0007). Pure."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.names import DAY_HOURS
from streaming.analysis.correlation import correlations
from streaming.analysis.hours import FIGURES
from streaming.analysis.patterns import make_patterns
from streaming.analysis.periods import make_days, make_weeks, realised_volatility
from streaming.analysis.volatility import rolling_volatility

KEYS = {
    "analysis_symbol": ("symbol",),
    "analysis_day": ("symbol", "day"),
    "analysis_week": ("symbol", "week"),
    "analysis_volatility": ("symbol", "day"),
    "analysis_correlation": ("span", "symbol_a", "symbol_b", "day"),
    "analysis_pattern": ("symbol", "weekday", "hour"),
}
"""Primary key of each table."""

_COUNTS = ("hours", "absent", "returns")
_HOUR_S = 3600


def analysis_tables(
    rows: DataFrame, until_day: int, keep: Callable[[DataFrame], DataFrame]
) -> dict[str, DataFrame]:
    """Return the rows of each table of `KEYS`, its columns in the names and types of the table.

    Args:
        rows: as `judge` returns them; read several times.
        until_day: end of the analysis, exclusive (since 1970-01-01): later hours do not count.
        keep: told of each frame that several tables are made of; returns it, persisted or as it is.
    """
    counted = rows.where(F.col("hour").isNull() | (F.col("hour") < until_day * DAY_HOURS))
    hours = counted.where(F.col("close").isNotNull())
    days = keep(make_days(hours))
    weeks = keep(make_weeks(days, until_day))
    return {
        "analysis_symbol": _symbols(counted, until_day),
        "analysis_day": _periods(days, "day"),
        "analysis_week": _periods(weeks, "week", F.col("days").cast("int")),
        "analysis_volatility": _dated(rolling_volatility(days)),
        "analysis_correlation": _dated(correlations(days)),
        "analysis_pattern": make_patterns(hours, weeks),
    }


def _symbols(counted: DataFrame, until_day: int) -> DataFrame:
    hour = F.when(F.col("close").isNotNull(), F.col("hour"))
    absent = F.coalesce(until_day * DAY_HOURS - F.min(hour), F.lit(0)) - F.count(hour)
    return counted.groupBy("symbol").agg(
        F.timestamp_seconds(F.min(hour) * _HOUR_S).alias("first_hour"),
        F.timestamp_seconds(F.max(hour) * _HOUR_S).alias("last_hour"),
        F.count(hour).alias("hours"),
        absent.alias("absent"),
        F.count("log_return").alias("returns"),
        F.sum("rejected").alias("rejected"),
        F.sum("repeated").alias("repeated"),
    )


def _periods(frame: DataFrame, period: str, *more: Column) -> DataFrame:
    return frame.select(
        "symbol",
        _date(period),
        *more,
        *FIGURES,
        *_COUNTS,
        "simple_return",
        realised_volatility().alias("realised_volatility"),
    )


def _dated(frame: DataFrame) -> DataFrame:
    return frame.withColumn("day", _date("day"))


def _date(name: str) -> Column:
    return F.date_from_unix_date(F.col(name).cast("int")).alias(name)
