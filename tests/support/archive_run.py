"""The archive of one test namespace: batches without a topic, what is in its files, and stops."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from conf.abort import AbortSwitch
from conf.connections.hdfs import open_hdfs, read_file
from conf.connections.hdfs_folders import files_below, parquet_rows
from conf.connections.postgres import connect
from conf.contracts.dead_letters import DeadLetter, decode_dead_letter
from conf.contracts.trades import TradeRecord, encode
from conf.settings import ArchiveSettings
from streaming.alarms import Alarms
from streaming.archive.compact import Compactor
from streaming.archive.layout import BatchName
from streaming.archive.ledger import QUERY, ArchiveLedger
from streaming.archive.sink import ArchiveSink
from streaming.context import PipelineContext
from streaming.reconcile.readers import read_topic
from tests.support.candle_records import SCHEMA_ID

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TAKEN = datetime(2026, 1, 1, 12, tzinfo=UTC)
KAFKA_COLUMNS = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp"
)


class StoppedError(Exception):
    """Stands for a kill: nothing in the code under test knows it."""


class StopAt(AbortSwitch):
    """Ends the work at the n-th passage of a point, as a kill would, but leaves the test alive."""

    def at(self, point: str) -> None:
        if self._is_due(point):
            raise StoppedError(point)


def archive_context(context: PipelineContext, **settings: object) -> PipelineContext:
    """Return a context with other settings of the archive."""
    return replace(context, archive=ArchiveSettings.model_validate(settings))


def sink_of(context: PipelineContext, stop_at: str | None = None) -> ArchiveSink:
    """Return a new sink, as a new process has one."""
    alarms = Alarms(QUERY, context.kafka, context.namespace, lambda: 0)
    return ArchiveSink(context, context.kafka, alarms, StopAt(stop_at))


def compactor_of(context: PipelineContext, stop_at: str | None = None) -> Compactor:
    """Return a new compactor, as a new process has one."""
    ledger = ArchiveLedger(partial(connect, context.postgres, context.namespace))
    return Compactor(context, open_hdfs(context.hdfs), ledger, StopAt(stop_at))


def kafka_rows(
    session: SparkSession,
    records: Sequence[TradeRecord | bytes | None],
    *,
    first_offset: int = 0,
    topic: str = "t",
) -> DataFrame:
    """Return records, or raw values, as rows of Spark's Kafka source, partition 0."""
    rows = []
    for offset, record in enumerate(records, first_offset):
        is_record = isinstance(record, TradeRecord)
        key = record.symbol.encode() if is_record else None
        value = encode(record, SCHEMA_ID) if is_record else record
        rows.append((key, value, topic, 0, offset, TAKEN))
    return session.createDataFrame(rows, KAFKA_COLUMNS)


def contents(
    context: PipelineContext, trees: Iterable[str] = ("trades", "markers", "trades-csv", "staging")
) -> dict[str, bytes]:
    """Return every visible file of the archive by its path, and of what is being written."""
    files = open_hdfs(context.hdfs)
    root = context.namespace.hdfs_root
    paths = [path for tree in trees for path in files_below(files, f"{root}/{tree}")]
    return {path.removeprefix(f"{root}/"): read_file(files, path) for path in paths}


def rows_of(context: PipelineContext, tree: str = "trades") -> list[dict[str, Any]]:
    """Return the rows of all files of a tree, files in order of their paths."""
    return [
        row
        for _, content in sorted(contents(context, [tree]).items())
        for row in parquet_rows(content)
    ]


def places(rows: Iterable[dict[str, Any]]) -> list[tuple[int, int]]:
    """Return where each row's record stood in the topic, sorted."""
    return sorted((row["kafka_partition"], row["kafka_offset"]) for row in rows)


def dead_letters_of(context: PipelineContext) -> list[DeadLetter]:
    """Return all messages of `trades.dead`."""
    messages = read_topic(context.kafka, context.namespace.dead_topic)
    return [decode_dead_letter(message) for message in messages]


def encoded(raw: bytes) -> str:
    """Return bytes as they stand in a JSON message."""
    return base64.b64encode(raw).decode()


def batch(number: int = 0, checkpoint: str = "a1b2-c3") -> BatchName:
    """Return the name of a batch."""
    return BatchName(checkpoint, number)
