"""Kafka rows of the topic `trades` → aggregated hours: decoded, judged, counted, summed up."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.settings import CandleSettings
from streaming.candles.aggregate import aggregate_hours
from streaming.trades.decode import decode_records
from streaming.trades.predicate import REASONS, rejection

OBSERVATION = "records"


def candle_hours(
    rows: DataFrame, candle: CandleSettings, *, schema_id: int, speed: float
) -> DataFrame:
    """Return aggregated hours of Kafka rows, streaming or not; bad records are counted, not kept.

    The counts are the observation `records`: `read`, and one count per reason of `predicate`.
    """
    judged = decode_records(rows, schema_id).withColumn("rejection", rejection(candle, speed))
    counts = [
        F.count(F.when(F.col("rejection") == reason, True)).alias(reason) for reason in REASONS
    ]
    observed = judged.observe(OBSERVATION, F.count(F.lit(1)).alias("read"), *counts)
    good = observed.where(F.col("rejection").isNull()).drop("rejection")
    return aggregate_hours(good, candle.watermark_days)
