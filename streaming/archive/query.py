"""The archive query: topic `trades` → Parquet on HDFS, and `trades.dead` for what is no record."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from conf.abort import AbortSwitch
from conf.connections.schema_registry import SchemaRegistryError, with_registered_id
from conf.settings import ArchiveSettings
from streaming.alarms import alarms_of
from streaming.archive.ledger import QUERY
from streaming.archive.sink import ArchiveSink
from streaming.context import PipelineContext
from streaming.errors import NotReadyError
from streaming.fingerprint import guard_checkpoint
from streaming.gate import QueryRun
from streaming.kafka_source import read_stream
from streaming.preflight import topic_partitions
from streaming.trades.readers import ReaderCache

# Looking whether a batch is due costs the broker a question; a shorter look gains nothing.
SHORTEST_S, LONGEST_LOOK_S = 2.0, 10.0
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # Plans are made to a fixed number of files; there is nothing to adapt.
    "spark.sql.adaptive.enabled": "false",
}


def pace(archive: ArchiveSettings, speed: float) -> tuple[float, float]:
    """Return after how many wall seconds a batch is due, and how often to look. Pure.

    A batch is due earlier when it is full: so the backlog of an outage is worked off batch after
    batch instead of one every ten minutes.

    Args:
        archive: how many minutes of exchange time a batch spans.
        speed: exchange seconds per wall second.
    """
    due_s = max(SHORTEST_S, archive.trigger_minutes * 60 / speed)
    return due_s, min(LONGEST_LOOK_S, max(SHORTEST_S, due_s / 10))


def start(
    session: SparkSession, context: PipelineContext, run: QueryRun | None = None
) -> StreamingQuery:
    """Start the query; it runs until it is stopped or a store refuses a batch.

    Args:
        session: the query's own: settings are made on it.
        context: the settings.
        run: lets the query be stopped between two batches, and closes its stores at the end.

    Raises:
        StartError: if the topic is not there, the query does not fit its checkpoint, or a schema
            registry is configured and cannot be used.
    """
    namespace = context.namespace
    run = run or QueryRun()
    topic = namespace.trades_topic
    shape = {"topic": topic, "partitions": topic_partitions(context, topic)[topic]}
    guard_checkpoint(context, QUERY, shape, is_stateful=False)
    try:
        kafka = with_registered_id(context.kafka, namespace.trades_topic)
    except SchemaRegistryError as error:
        raise NotReadyError(str(error)) from error
    for name, value in SETTINGS.items():
        session.conf.set(name, value)
    due_s, look_s = pace(context.archive, context.run.speed)
    full = context.archive.max_offsets_per_trigger
    rows = read_stream(
        session,
        kafka,
        topic,
        max_offsets_per_trigger=full,
        start_from=context.archive.start_from,
        options={"minOffsetsPerTrigger": str(full), "maxTriggerDelay": f"{int(due_s * 1000)}ms"},
    )
    sink = ArchiveSink(
        context, kafka, alarms_of(context, QUERY), AbortSwitch(context.archive.abort_at)
    )
    run.at_end(sink.close)
    return (
        rows.writeStream.queryName(QUERY)
        .foreachBatch(run.gated(ReaderCache(session).emptied_after(sink)))
        .option("checkpointLocation", f"{context.hdfs.url}{namespace.checkpoint(QUERY)}")
        .trigger(processingTime=f"{int(look_s * 1000)} milliseconds")
        .start()
    )
