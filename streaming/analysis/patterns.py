"""Hours → how large moves and volumes are by weekday and hour of the day. Pure: frames in, frames out."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.names import DAY_HOURS
from streaming.analysis.hours import day_of, week_of, weekday_of
from streaming.analysis.sums import MONEY, exact_mean


def make_patterns(hours: DataFrame, weeks: DataFrame) -> DataFrame:
    """Return one row per symbol, weekday and hour of the day (UTC) of which any hour is there.

    Volumes grew a hundredfold over the years, so that their mean speaks of the wildest of them; the share
    of what was usual in their own week does not.

    Args:
        hours: sound ones, as `judge` returns them.
        weeks: as `make_weeks` returns them.

    Returns:
        `symbol`, `weekday` (1 for Monday … 7), `hour` (0 … 23), and means, null without any, each with its
        count: |log-return| (`mean_abs_return`, `returns`), volume in base units (`mean_volume`,
        `volumes`), and volume over the mean volume of an hour of its week (`mean_relative_volume`,
        `relative_volumes`; 1 is usual).
    """
    day = day_of(F.col("hour"))
    usual = (F.col("volume") / F.col("hours")).cast("double").alias("usual")
    known = hours.withColumn("week", week_of(day)).join(
        F.broadcast(weeks.select("symbol", "week", usual)), ["symbol", "week"], "left"
    )
    relative = F.when(F.col("usual") > 0, F.col("volume") / F.col("usual"))
    values = known.select(
        "symbol",
        (weekday_of(day) + 1).alias("weekday"),
        (F.col("hour") % DAY_HOURS).alias("hour"),
        F.abs("log_return").alias("moved"),
        "volume",
        relative.alias("relative"),
    )
    return values.groupBy("symbol", "weekday", "hour").agg(
        F.count("moved").alias("returns"),
        exact_mean(F.col("moved")).alias("mean_abs_return"),
        F.count("volume").alias("volumes"),
        (F.sum(F.col("volume").cast(MONEY)).cast("double") / F.count("volume")).alias(
            "mean_volume"
        ),
        F.count("relative").alias("relative_volumes"),
        exact_mean(F.col("relative")).alias("mean_relative_volume"),
    )
