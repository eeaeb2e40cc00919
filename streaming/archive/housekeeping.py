"""What the archive query does for its folders beside storing: compaction and retention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog
from fsspec.implementations.webhdfs import WebHDFS

from conf.abort import AbortSwitch
from streaming.archive.compact import Compactor
from streaming.archive.days import closed_days, expired_days
from streaming.archive.ledger import ArchiveLedger
from streaming.archive.swap import finish_swaps
from streaming.context import PipelineContext

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = structlog.get_logger(__name__)


class Housekeeper:
    """Compacts closed days and removes expired ones, between two batches, one day at a time.

    Between batches rather than beside them: a day is compacted once, in minutes, and the next batch
    can wait that long. A failure is logged and tried again after the next batch; it never
    stops the query, for nothing is lost by it.
    """

    def __init__(
        self,
        context: PipelineContext,
        files: WebHDFS,
        ledger: ArchiveLedger,
        abort: AbortSwitch | None = None,
    ) -> None:
        """Take whose archive this is."""
        self._settings = context.archive
        self._namespace = context.namespace
        self._files = files
        self._compactor = Compactor(context, files, ledger, abort)
        self._compacted: set[str] = set()

    def recover(self) -> None:
        """Carry an interrupted replacement of a day to its end; needs the archive's lock."""
        finish_swaps(self._files, self._namespace)

    def keep_house(self, session: SparkSession, now_ms: int | None, written: Iterable[str]) -> None:
        """Do what is due; raises nothing.

        Args:
            session: to compact with.
            now_ms: UTC epoch ms, by the exchange's clock; None if unknown, then nothing is done.
            written: paths that the last batch wrote.
        """
        self._compacted -= {_date_of(path) for path in written}
        if now_ms is None:
            return
        try:
            self._work(session, now_ms)
        except Exception:  # whatever Spark, HDFS or Postgres raise: it is tried again
            log.exception("archive_housekeeping_failed")

    def _work(self, session: SparkSession, now_ms: int) -> None:
        days = self._compactor.days()
        expired = expired_days(days, now_ms, self._settings)
        self._compactor.remove(expired)
        due = [
            day
            for day in closed_days(days, now_ms, self._settings)
            if day not in self._compacted and day not in expired
        ]
        for day in due[:1]:
            if self._compactor.compact(session, day):
                self._compacted.add(day)


def _date_of(path: str) -> str:
    return next(part for part in path.split("/") if part.startswith("date=")).removeprefix("date=")
