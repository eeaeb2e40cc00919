"""History files → the sound hours, each once, with the log-return of those that follow one another.

Time is counted in whole hours, days and weeks of UTC as integers, so that no session's time zone counts.
An absent hour stays absent: no row, and no return across it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.names import DAY_HOURS, HOUR_MS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FIGURES = ("open", "high", "low", "close", "volume", "quote_volume")
SCHEMA = ", ".join(["open_time timestamp", *(f"{name} double" for name in FIGURES)])
_MONDAY = 3
"""Days from the Monday before to 1970-01-01, a Thursday."""


def day_of(hour: Column) -> Column:
    """Return the day (since 1970-01-01) of an hour (since then)."""
    return F.floor(hour / DAY_HOURS)


def weekday_of(day: Column) -> Column:
    """Return the day of the week, 0 for Monday."""
    return F.pmod(day + _MONDAY, F.lit(7))


def week_of(day: Column) -> Column:
    """Return the Monday of a day's week, as a day."""
    return day - weekday_of(day)


def read_history(session: SparkSession, paths: Mapping[str, str]) -> DataFrame:
    """Return the rows of history files as they are: `symbol` and the columns of `SCHEMA`.

    Args:
        session: its default file system has the files.
        paths: file of each symbol; a column that it lacks is null.
    """
    names = F.create_map(
        *(F.lit(part) for symbol, path in paths.items() for part in (_name(path), symbol))
    )
    rows = session.read.schema(SCHEMA).parquet(*paths.values())
    return rows.select(names[F.col("_metadata.file_name")].alias("symbol"), *rows.columns)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def judge(rows: DataFrame) -> DataFrame:
    """Return one row per symbol and hour that is told of, with what it is worth.

    An hour needs a whole hour as its time and a close above 0. Rows of an hour that differ are all
    rejected, as when history is loaded: nothing says which one is right.

    Args:
        rows: `symbol` and the columns of `SCHEMA`, in any order.

    Returns:
        `symbol`, `hour` (since 1970-01-01 00:00 UTC; null for all rows without a whole one), the
        `FIGURES` (null where unknown; all null if the hour is not sound), how many rows were `rejected`
        and how many only said again what another one says (`repeated`), and `log_return`: of the close
        over that of the hour before, null where one of both is not there.
    """
    millis = F.unix_millis("open_time")
    hour = F.when(millis % HOUR_MS == 0, F.floor(millis / HOUR_MS))
    told = rows.select("symbol", hour.alias("hour"), *map(_known, FIGURES))
    is_possible = F.col("hour").isNotNull() & F.coalesce(F.col("close") > 0, F.lit(False))
    # A hash passes nulls over, so that an unknown open and an unknown high would look alike.
    digest = F.xxhash64(*(F.coalesce(name, F.lit(-1.0)) for name in FIGURES))
    possible, is_sound = F.count("digest"), F.min("digest") == F.max("digest")
    hours = (
        # By the symbol alone: the window below then needs no shuffle of its own.
        told.withColumn("digest", F.when(is_possible, digest))
        .repartition("symbol")
        .groupBy("symbol", "hour")
        .agg(
            *(F.when(is_sound, _only_possible(name)).alias(name) for name in FIGURES),
            (F.count(F.lit(1)) - F.when(is_sound, possible).otherwise(0)).alias("rejected"),
            F.when(is_sound, possible - 1).otherwise(0).alias("repeated"),
        )
    )
    before = Window.partitionBy("symbol").orderBy("hour")
    follows = F.lag("hour").over(before) == F.col("hour") - 1
    growth = F.log(F.col("close") / F.lag("close").over(before))
    return hours.withColumn("log_return", F.when(follows, growth))


def _known(name: str) -> Column:
    """Return a figure, null where it is no finite number."""
    value = F.col(name)
    is_number = ~F.isnan(value) & (F.abs(value) < float("inf"))
    return F.when(is_number, value).alias(name)


def _only_possible(name: str) -> Column:
    """Return an aggregate: the figure of the possible rows, which are alike where it counts."""
    return F.min(F.when(F.col("digest").isNotNull(), F.col(name)))
