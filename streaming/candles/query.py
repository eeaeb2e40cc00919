"""The candles query: topic `trades` → exact hourly candles with a verdict, in three stores."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses
from pyspark.sql.streaming import StreamingQuery

from conf.connections.hdfs import open_hdfs, write_replacing
from conf.connections.postgres import connect
from conf.connections.schema_registry import SchemaRegistryError, with_registered_id
from conf.settings import CandleSettings
from streaming.candles.aggregate import aggregate_hours
from streaming.candles.decode import decode_records
from streaming.candles.files import CandleFiles
from streaming.candles.predicate import REASONS, rejection
from streaming.candles.sink import QUERY, CandleSink
from streaming.candles.table import CandleTable
from streaming.candles.topic import CandleTopic
from streaming.context import PipelineContext
from streaming.errors import StartError
from streaming.kafka_source import read_stream

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


def build_sink(context: PipelineContext) -> CandleSink:
    """Return the handler with the run's own stores."""
    namespace = context.namespace
    files = open_hdfs(context.hdfs)
    return CandleSink(
        CandleTable(partial(connect, context.postgres, namespace)),
        CandleFiles(namespace, partial(write_replacing, files)),
        CandleTopic(context.kafka, namespace.candles_topic),
    )


def start(session: SparkSession, context: PipelineContext) -> StreamingQuery:
    """Start the query; it runs until it is stopped or a store refuses a batch.

    Raises:
        StartError: if a schema registry is configured and cannot be used.
    """
    namespace = context.namespace
    try:
        kafka = with_registered_id(context.kafka, namespace.trades_topic)
    except SchemaRegistryError as error:
        raise StartError(str(error)) from error
    rows = read_stream(
        session,
        kafka,
        namespace.trades_topic,
        max_offsets_per_trigger=context.spark.max_offsets_per_trigger,
    )
    # One task per core instead of one per partition: a batch of one second holds few rows, and a
    # task costs more than reading them.
    hours = candle_hours(
        rows.coalesce(session.sparkContext.defaultParallelism),
        context.candle,
        schema_id=kafka.trades_schema_id,
        speed=context.run.speed,
    )
    return (
        hours.writeStream.queryName(QUERY)
        .outputMode("update")
        .foreachBatch(build_sink(context))
        .option("checkpointLocation", f"{context.hdfs.url}{namespace.checkpoint(QUERY)}")
        .trigger(processingTime="0 seconds")
        .start()
    )
