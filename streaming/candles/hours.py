"""Kafka rows of the topic `trades` → aggregated hours: decoded, judged, counted, summed up."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.contracts.trade_schemas import RELEASED_SCHEMAS
from conf.names import HOUR_MS
from conf.settings import CandleSettings
from streaming.candles.aggregate import aggregate_hours
from streaming.trades.decode import decode_records
from streaming.trades.predicate import REASONS, rejection, rejection_counts

OBSERVATION = "records"
READ = "read"
KEPT = {"trades": "trade_id", "closes": "close", "gaps": "gap"}
"""Names of the counts of records that enter candles, and the field that only that kind has."""
COUNTS = (READ, *KEPT, *REASONS)

_FIGURES = ("trade_id", "price", "quantity", "buyer_is_maker", "time_fell", "close", "gap")


def candle_hours(
    rows: DataFrame,
    candle: CandleSettings,
    *,
    schema_id: int,
    writers: Mapping[int, str] = RELEASED_SCHEMAS,
    speed: float,
    tasks: int | None = None,
) -> DataFrame:
    """Return aggregated hours of Kafka rows, streaming or not; bad records are counted, not kept.

    The counts are the observation `records`, one per batch, with the fields `COUNTS`: read = trades +
    closes + gaps + the sum over the reasons of `predicate`. What is kept shows in the rows'
    `records`: over all hours they grow by trades + closes + gaps, unless the watermark drops some.

    Args:
        rows: a frame with a binary column `value`.
        candle: bounds of good records; how long an hour's state is kept.
        schema_id: see `decode_records`.
        writers: see `decode_records`.
        speed: exchange seconds per wall second.
        tasks: of a batch, at most; one per partition of `rows` if None.
    """
    judged = judged_records(rows, candle, schema_id=schema_id, writers=writers, speed=speed)
    observed = judged.observe(OBSERVATION, *record_counts())
    if tasks is not None:
        # Here, where the rows are copied for the counts anyway: before the decoding, the source's
        # rows would be copied once more.
        observed = observed.coalesce(tasks)
    return aggregate_hours(observed, candle.watermark_days)


def judged_records(
    rows: DataFrame,
    candle: CandleSettings,
    *,
    schema_id: int,
    writers: Mapping[int, str] = RELEASED_SCHEMAS,
    speed: float,
) -> DataFrame:
    """Return the records of Kafka rows, with the reason why one may not enter a candle (`rejection`).

    Only what the aggregation needs: counting is a step of its own, which copies each row. The
    column `hour` (UTC) is null where there is a reason.
    """
    decoded = decode_records(rows.select("value"), schema_id, writers)
    judged = decoded.withColumn("rejection", rejection(candle, speed))
    time = F.col("trade_time_ms")
    hour = F.when(F.col("rejection").isNull(), F.timestamp_millis(time - time % HOUR_MS))
    return judged.select("symbol", hour.alias("hour"), *_FIGURES, "rejection")


def record_counts() -> list[Column]:
    """Return the aggregates of `judged_records` that are the observation's fields, `COUNTS`.

    Not by `count_if`: Spark would give each row a column more for each condition, and copy the row once
    more to take them out again.
    """
    is_good = F.col("rejection").isNull()
    kept = [
        F.count(F.when(is_good & F.col(field).isNotNull(), 1)).alias(name)
        for name, field in KEPT.items()
    ]
    return [F.count(F.lit(1)).alias(READ), *kept, *rejection_counts()]
