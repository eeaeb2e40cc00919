"""Hours → UTC days and weeks (from Monday on). Pure: frames in, frames out.

A figure that any hour there does not know is null: a part of a day's volume is not the day's. Hours that
are not there are counted and never filled.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.names import DAY_HOURS
from streaming.analysis.hours import day_of, week_of
from streaming.analysis.sums import MONEY, total

WEEK_DAYS = 7
RETURNS = tuple(f"return_{at:02d}" for at in range(DAY_HOURS))
"""Columns of a day: the log-return of each of its hours."""


def make_days(hours: DataFrame) -> DataFrame:
    """Return one row per symbol and UTC day of which any hour is there.

    Args:
        hours: sound ones, as `judge` returns them.

    Returns:
        `symbol`, `day` (since 1970-01-01), `open high low close` (quote units), `volume` (base units),
        `quote_volume`, all decimals; `hours` that are there, the first of them (`first_hour`) and how
        many are `absent`, which the symbol's first day counts from its first hour on; `RETURNS`, null
        where there is none; how many `returns` are known and the sum of their `squares`;
        `simple_return`: the close over the last one of the day before, minus 1, null if that day is
        not there.
    """
    place = F.col("hour") % DAY_HOURS
    # Side by side rather than in an array: sums over them are compiled, and in a fixed order.
    returns = [
        F.max(F.when(place == at, F.col("log_return"))).alias(name)
        for at, name in enumerate(RETURNS)
    ]
    days = hours.groupBy("symbol", day_of(F.col("hour")).alias("day")).agg(
        *_figures("hour"),
        F.count(F.lit(1)).alias("hours"),
        F.min("hour").alias("first_hour"),
        F.count("log_return").alias("returns"),
        *returns,
    )
    squares = total(F.col(name) * F.col(name) for name in RETURNS)
    return days.withColumn("squares", squares).withColumns(_compared("day", 1, F.lit(1)))


def make_weeks(days: DataFrame, until_day: int) -> DataFrame:
    """Return one row per symbol and week of which any hour is there.

    Args:
        days: as `make_days` returns them.
        until_day: end of the analysis, exclusive (since 1970-01-01): the hours of a week that still runs
            are `absent` only before it.

    Returns:
        `symbol`, `week` (its Monday, as a day), `days` that are there, and the figures of `make_days`
        but for `RETURNS`.
    """
    weekday = F.col("day") - F.col("week")
    squares = [F.max(F.when(weekday == at, F.col("squares"))) for at in range(WEEK_DAYS)]
    weeks = (
        days.withColumn("week", week_of(F.col("day")))
        .groupBy("symbol", "week")
        .agg(
            *_figures("day"),
            F.count(F.lit(1)).alias("days"),
            F.sum("hours").alias("hours"),
            F.min("first_hour").alias("first_hour"),
            F.sum("returns").alias("returns"),
            total(squares).alias("squares"),
        )
    )
    length = F.least(F.lit(WEEK_DAYS), F.lit(until_day) - F.col("week"))
    return weeks.withColumns(_compared("week", WEEK_DAYS, length))


def realised_volatility() -> Column:
    """Return √ Σ r² of a period's hourly log-returns, null without any.

    Andersen and Bollerslev 1998, "Answering the skeptics: yes, standard volatility models do provide
    accurate forecasts". Of the returns that are known: it is not scaled up for those that are not.
    """
    return F.when(F.col("returns") > 0, F.sqrt("squares"))


def _figures(order: str) -> list[Column]:
    """Return aggregates over a period whose parts are told apart by a column."""
    return [
        F.min_by("open", order).cast(MONEY).alias("open"),
        _whole("high", F.max).cast(MONEY).alias("high"),
        _whole("low", F.min).cast(MONEY).alias("low"),
        F.max_by("close", order).cast(MONEY).alias("close"),
        _whole("volume", _sum).alias("volume"),
        _whole("quote_volume", _sum).alias("quote_volume"),
    ]


def _sum(name: str) -> Column:
    return F.sum(F.col(name).cast(MONEY))


def _whole(name: str, aggregate: Callable[[str], Column]) -> Column:
    """Return an aggregate that is null where any part does not know the figure."""
    return F.when(F.count(name) == F.count(F.lit(1)), aggregate(name))


def _compared(period: str, step: int, length: Column) -> dict[str, Column]:
    """Return what a period is beside the one before: its return, and the hours that it should have.

    Args:
        period: its column.
        step: days from one to the next.
        length: days of it before the end of the analysis.
    """
    before = Window.partitionBy("symbol").orderBy(period)
    last = F.lag(period).over(before)
    growth = F.col("close").cast("double") / F.lag("close").over(before).cast("double") - 1
    opened = F.when(last.isNull(), F.col("first_hour") - F.col(period) * DAY_HOURS).otherwise(0)
    return {
        "simple_return": F.when(last == F.col(period) - step, growth),
        "absent": length * DAY_HOURS - opened - F.col("hours"),
    }
