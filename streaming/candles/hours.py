"""Kafka rows of the topic `trades` → aggregated hours: decoded, judged, counted, summed up."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.contracts.trade_schemas import RELEASED_SCHEMAS
from conf.settings import CandleSettings
from streaming.candles.aggregate import aggregate_hours
from streaming.trades.decode import RECORD_COLUMNS, decode_records
from streaming.trades.predicate import REASONS, rejection, rejection_counts

OBSERVATION = "records"
READ = "read"
KEPT = {"trades": "TRADE", "closes": "CLOSE", "gaps": "GAP"}
"""Names of the counts of records that enter candles, and the kind that each counts."""
COUNTS = (READ, *KEPT, *REASONS)


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
    good = observed.where(F.col("rejection").isNull()).drop("rejection")
    return aggregate_hours(good, candle.watermark_days)


def judged_records(
    rows: DataFrame,
    candle: CandleSettings,
    *,
    schema_id: int,
    writers: Mapping[int, str] = RELEASED_SCHEMAS,
    speed: float,
) -> DataFrame:
    """Return the records of Kafka rows, with the reason why one may not enter a candle (`rejection`).

    Only what the aggregation needs: counting is a step of its own, which copies each row.
    """
    decoded = decode_records(rows.select("value"), schema_id, writers)
    return decoded.select(*RECORD_COLUMNS, rejection(candle, speed).alias("rejection"))


def record_counts() -> list[Column]:
    """Return the aggregates of `judged_records` that are the observation's fields, `COUNTS`."""
    kind, reason = F.col("kind"), F.col("rejection")
    kept = [
        F.count_if(reason.isNull() & (kind == value)).alias(name) for name, value in KEPT.items()
    ]
    return [F.count(F.lit(1)).alias(READ), *kept, *rejection_counts()]
