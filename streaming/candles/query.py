"""The candles query: topic `trades` → exact hourly candles with a verdict, in three stores."""

from __future__ import annotations

from functools import partial

from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from conf.abort import AbortSwitch
from conf.connections.hdfs import open_hdfs, write_replacing
from conf.connections.postgres import connect
from conf.connections.schema_registry import SchemaRegistryError, with_registered_id
from streaming.candles.files import CandleFiles
from streaming.candles.hours import candle_hours
from streaming.candles.sink import QUERY, CandleSink
from streaming.candles.table import CandleTable
from streaming.candles.topic import CandleTopic
from streaming.context import PipelineContext
from streaming.errors import StartError
from streaming.kafka_source import read_stream


def build_sink(context: PipelineContext) -> CandleSink:
    """Return the handler with the run's own stores."""
    namespace = context.namespace
    files = open_hdfs(context.hdfs)
    abort = AbortSwitch(context.candle.abort_at)
    return CandleSink(
        CandleTable(partial(connect, context.postgres, namespace), abort),
        CandleFiles(namespace, partial(write_replacing, files), abort),
        CandleTopic(context.kafka, namespace.candles_topic, abort),
        abort=abort,
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
