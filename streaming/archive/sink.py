"""The foreachBatch handler of the archive: files and dead letters first, the commit row last.

Guarantee: each record of the topic is kept in exactly one file (idempotence key: checkpoint and
batch, which name the files), or is sent at least once to `trades.dead` (key there: topic, partition,
offset). Files appear under their names after all of the batch was written and counted; Postgres has the
batch last, with the repairs that it asks for in the same transaction. A batch that comes again after a
crash anywhere leaves the same files, and does nothing where Postgres has it already.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import structlog
from fsspec.implementations.webhdfs import WebHDFS
from pyspark import StorageLevel
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.abort import AbortSwitch
from conf.connections.hdfs import open_hdfs
from conf.connections.postgres import connect
from conf.contracts.incidents import IncidentKind
from conf.settings import KafkaSettings
from streaming.alarms import Alarms
from streaming.archive.balance import BatchFigures
from streaming.archive.dead import DeadLetterTopic, dead_letters
from streaming.archive.housekeeping import Housekeeper
from streaming.archive.late import LateHour, late_hours, tell_late
from streaming.archive.layout import BatchName
from streaming.archive.ledger import ArchiveLedger, is_committed
from streaming.archive.publish import BatchFiles
from streaming.archive.records import (
    MARKER_ORDER,
    TRADE_ORDER,
    is_marker,
    is_trade,
    judge_records,
    marker_rows,
    trade_rows,
)
from streaming.archive.staging import rows_in, stage_csv, stage_parquet, staged_files
from streaming.context import PipelineContext
from streaming.errors import SinkError
from streaming.repair.requests import request_repairs
from streaming.trades.predicate import REASONS, rejection_counts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = structlog.get_logger(__name__)

LATE_REASON = "records came when the candles query could no longer take them"


class ArchiveSink:
    """Stores one batch of Kafka rows; raises if a store refuses, so that the query stops."""

    def __init__(
        self,
        context: PipelineContext,
        kafka: KafkaSettings,
        alarms: Alarms,
        abort: AbortSwitch | None = None,
    ) -> None:
        """Take the run, the topic's broker with the known schemas, and who tells of late records."""
        self._context = context
        self._namespace = context.namespace
        self._kafka = kafka
        self._alarms = alarms
        self._abort = abort or AbortSwitch(None)
        self._files: WebHDFS = open_hdfs(context.hdfs)
        self._ledger = ArchiveLedger(partial(connect, context.postgres, self._namespace))
        self._housekeeper = Housekeeper(context, self._files, self._ledger, self._abort)
        self._dead = DeadLetterTopic(kafka, self._namespace.dead_topic)
        self._is_first = True
        self.figures: BatchFigures | None = None
        """Of the last batch that was stored by this object."""

    def __call__(self, frame: DataFrame, batch_id: int) -> None:
        """Store a micro-batch of Kafka rows; Spark calls this."""
        query_id = frame.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        self.store(frame, BatchName(query_id or "none", batch_id))

    def store(self, frame: DataFrame, batch: BatchName) -> None:
        """Store the Kafka rows of one batch; does nothing if Postgres has the batch already.

        Args:
            frame: columns of Spark's Kafka source; the same rows whenever they are read.
            batch: which batch this is.

        Raises:
            SinkError: if not every record was written.
            psycopg2.Error: if Postgres is away.
            OSError: if HDFS is away.
        """
        own = BatchFiles(self._files, self._namespace, batch, self._abort)
        committed = self._ledger.committed()
        if self._is_first:
            self._forget_abandoned(own, committed)
        if is_committed(committed, batch):
            own.finish()
            return
        own.forget_staged()
        figures, targets, late = self._write(frame, own, batch)
        self._check(figures)
        self._abort.at("staged")
        tell_late(self._alarms, late)
        with self._ledger.exclusive() as cursor:
            self._housekeeper.recover()
            own.publish(targets)
            self._abort.at("published")
            request_repairs(cursor, ((hour.symbol, hour.open_ms) for hour in late), LATE_REASON)
            self._ledger.commit(cursor, batch)
            self._abort.at("before_commit")
        self._abort.at("after_commit")
        own.finish()
        self.figures = figures
        figures.count()
        log.info("archive_batch", **{name: getattr(figures, name) for name in figures.__slots__})
        self._housekeeper.keep_house(frame.sparkSession, figures.clock_ms, targets.values())

    def close(self) -> None:
        """Give what is left to Kafka; the sink is of no use afterwards."""
        self._dead.close()
        self._alarms.flush()

    def _check(self, figures: BatchFigures) -> None:
        try:
            figures.check()
        except SinkError as error:
            self._alarms.tell(IncidentKind.IMBALANCE, str(error))
            raise

    def _forget_abandoned(self, own: BatchFiles, committed: dict[str, int]) -> None:
        with self._ledger.exclusive():
            for name in own.forget_abandoned(committed):
                log.warning("unfinished_batch_removed", batch=name)
        self._is_first = False

    def _write(
        self, frame: DataFrame, own: BatchFiles, batch: BatchName
    ) -> tuple[BatchFigures, dict[str, str], list[LateHour]]:
        """Stage and send everything; return the figures, the files' names, and the late hours."""
        judged = judge_records(
            frame.coalesce(self._context.archive.tasks),
            self._context.candle,
            schema_id=self._kafka.trades_schema_id,
            writers=self._kafka.trades_writer_schemas,
            speed=self._context.run.speed,
        )
        # Kept, and spilled where memory is short, since each kind of record is a pass of its own. Without
        # it Spark reads the topic each time, and moves a pass's filter below the decoding, which it
        # repeats for every field that the filter looks at: 70 µs a record instead of 15.
        judged.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            return self._write_judged(judged, own, batch)
        finally:
            judged.unpersist()

    def _write_judged(
        self, judged: DataFrame, own: BatchFiles, batch: BatchName
    ) -> tuple[BatchFigures, dict[str, str], list[LateHour]]:
        tasks = self._context.archive.tasks
        seen = _count(judged)
        targets: dict[str, str] = {}
        trades = markers = dead = 0
        if seen["trades"]:
            stage_parquet(trade_rows(judged), self._url(own, "trades"), TRADE_ORDER, tasks)
            targets = self._targets(own, "trades", self._namespace.archive_dir, "parquet")
            trades = self._rows(targets)
        if seen["markers"]:
            stage_parquet(marker_rows(judged), self._url(own, "markers"), MARKER_ORDER, tasks)
            marker_targets = self._targets(own, "markers", self._namespace.markers_dir, "parquet")
            markers = self._rows(marker_targets)
            targets |= marker_targets
        rejected = {reason: seen[reason] for reason in REASONS if seen[reason]}
        if rejected:
            dead = self._dead.send(dead_letters(judged, sum(rejected.values())))
        late = late_hours(judged) if seen["late"] else []
        if self._context.archive.csv and trades:
            source, url = self._url(own, "trades"), self._url(own, "csv")
            stage_csv(judged.sparkSession, source, url, TRADE_ORDER, tasks)
            targets |= self._targets(own, "csv", self._namespace.archive_csv_dir, "csv")
        figures = BatchFigures(
            batch_id=batch.batch_id,
            read=seen["read"],
            trades=trades,
            markers=markers,
            dead_letters=dead,
            late=seen["late"],
            rejected=rejected,
            clock_ms=seen["clock_ms"],
        )
        return figures, targets, late

    def _url(self, own: BatchFiles, what: str) -> str:
        return f"{self._context.hdfs.url}{own.staging}/{what}"

    def _targets(self, own: BatchFiles, what: str, tree: str, suffix: str) -> dict[str, str]:
        return own.targets(tree, staged_files(self._files, f"{own.staging}/{what}"), suffix)

    def _rows(self, staged: Mapping[str, str]) -> int:
        return sum(rows_in(self._files, path) for path in staged)


def _count(judged: DataFrame) -> Mapping[str, int]:
    """Count what was read, in a pass of its own, before anything is written.

    So most batches need no pass for dead letters or late records. (Observed counts of Spark do not
    arrive inside foreachBatch.)
    """
    is_kept = F.col("rejection").isNull()
    counted = judged.agg(
        F.count(F.lit(1)).alias("read"),
        F.count(F.when(is_trade(), True)).alias("trades"),
        F.count(F.when(is_marker(), True)).alias("markers"),
        F.count(F.when(F.col("is_late"), True)).alias("late"),
        F.max(F.when(is_kept, F.col("received_time_ms"))).alias("clock_ms"),
        *rejection_counts(),
    )
    seen: dict[str, int] = counted.collect()[0].asDict()
    return seen
