"""The candles query: topic `trades` → exact hourly candles with a verdict, in three stores."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery

from conf.abort import AbortSwitch
from conf.connections.hdfs import open_hdfs, write_replacing
from conf.connections.postgres import connect
from conf.connections.schema_registry import SchemaRegistryError, with_registered_id
from conf.contracts.trade_schemas import TRADE_SCHEMA_VERSION
from conf.names import HOUR_MS
from streaming.candles.balance import CandleBalance
from streaming.candles.files import CandleFiles, clear_up
from streaming.candles.hours import candle_hours
from streaming.candles.sink import QUERY, CandleSink
from streaming.candles.table import CandleTable
from streaming.candles.topic import CandleTopic
from streaming.context import PipelineContext
from streaming.errors import NotReadyError
from streaming.fingerprint import guard_checkpoint, state_parts
from streaming.gate import QueryRun
from streaming.kafka_source import read_stream
from streaming.preflight import topic_partitions
from streaming.trades.readers import ReaderCache

log = structlog.get_logger(__name__)


def build_sink(context: PipelineContext, balance: CandleBalance | None = None) -> CandleSink:
    """Return the handler with the run's own stores; its batches' records are told to `balance`."""
    namespace = context.namespace
    files = open_hdfs(context.hdfs)
    abort = AbortSwitch(context.candle.abort_at)
    return CandleSink(
        CandleTable(partial(connect, context.postgres, namespace), abort),
        CandleFiles(namespace, partial(write_replacing, files), abort),
        CandleTopic(context.kafka, namespace.candles_topic, abort),
        abort=abort,
        balance=balance,
    )


def start(
    session: SparkSession,
    context: PipelineContext,
    run: QueryRun | None = None,
    balance: CandleBalance | None = None,
) -> StreamingQuery:
    """Start the query; it runs until it is stopped or a store refuses a batch.

    Args:
        session: the query's own.
        context: the settings.
        run: lets the query be stopped between two batches, and closes its stores at the end.
        balance: is told what each batch stored.

    Raises:
        StartError: if the topic is not there, the query does not fit its checkpoint, or a schema
            registry is configured and cannot be used.
        OSError: if HDFS does not answer.
    """
    namespace = context.namespace
    run = run or QueryRun()
    try:
        kafka = with_registered_id(context.kafka, namespace.trades_topic)
    except SchemaRegistryError as error:
        raise NotReadyError(str(error)) from error
    rows = read_stream(
        session,
        kafka,
        namespace.trades_topic,
        max_offsets_per_trigger=context.spark.max_offsets_per_trigger,
        start_from=context.candle.start_from,
    )
    # One task per core instead of one per partition: a batch of one second holds few rows, and a
    # task costs more than reading them.
    hours = candle_hours(
        rows,
        context.candle,
        schema_id=kafka.trades_schema_id,
        writers=kafka.trades_writer_schemas,
        speed=context.run.speed,
        tasks=session.sparkContext.defaultParallelism,
    )
    guard_checkpoint(context, QUERY, _shape(session, context, hours))
    for path in clear_up(open_hdfs(context.hdfs), namespace, time.time()):
        log.info("abandoned_file_removed", path=path)
    if balance is not None:
        balance.restart()
    sink = build_sink(context, balance)
    run.at_end(sink.close)
    return (
        hours.writeStream.queryName(QUERY)
        .outputMode("update")
        .foreachBatch(run.gated(ReaderCache(session).emptied_after(sink)))
        .option("checkpointLocation", f"{context.hdfs.url}{namespace.checkpoint(QUERY)}")
        .trigger(processingTime="0 seconds")
        .start()
    )


def _shape(session: SparkSession, context: PipelineContext, hours: DataFrame) -> dict[str, Any]:
    """Return what the query's checkpoint depends on."""
    topic = context.namespace.trades_topic
    return {
        "topic": topic,
        "partitions": topic_partitions(context, topic)[topic],
        "schema_version": TRADE_SCHEMA_VERSION,
        "window_ms": HOUR_MS,
        **state_parts(session, hours),
    }
