"""Closed days → one sorted file per hour; days beyond the retention are removed.

One file per hour, not per day or symbol: a repair reads one hour, a late record changes one hour, and
the seven million trades of a busy hour make a file of a good size for HDFS. Within it rows are sorted by
symbol and id in small row groups, so that reading one symbol reads little else.

The archive query does this by itself when a day is over; from the shell, by cron for example:
``python -m streaming.archive.compact [--date YYYY-MM-DD …]``.
"""

from __future__ import annotations

import argparse
import posixpath
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import structlog
from fsspec.implementations.webhdfs import WebHDFS
from pyspark.sql.pandas.types import from_arrow_schema

from conf.abort import AbortSwitch
from conf.connections.hdfs import open_hdfs, remove, rename
from conf.connections.hdfs_folders import names_in, partitions
from conf.connections.postgres import connect
from conf.connections.spark import build_session
from conf.logs import configure_logging
from streaming.alarms import ExchangeNow
from streaming.archive.days import closed_days, expired_days
from streaming.archive.layout import batch_of, compacted_file, day_folder, trees
from streaming.archive.ledger import ArchiveLedger, is_committed
from streaming.archive.records import MARKER_ORDER, TRADE_ORDER
from streaming.archive.schema import MARKERS, TRADES
from streaming.archive.staging import rows_in, stage_parquet
from streaming.archive.swap import DaySwap, finish_swaps
from streaming.context import PipelineContext
from streaming.errors import SinkError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = structlog.get_logger(__name__)

# By tree: its columns, its order, and what tells one record of the topic from another.
KINDS = {
    "trades": (TRADES, TRADE_ORDER, TRADE_ORDER),
    "markers": (MARKERS, MARKER_ORDER, MARKER_ORDER),
}
HOUR = "hour"


class Compactor:
    """Compacts and removes days of one namespace.

    Guarantee: the rows of a day are the same before and after, but for those that two checkpoints
    brought both, which are kept once; a reader sees a day whole or, for a moment, not at all. What
    is interrupted anywhere is undone or carried to its end by the next run or batch.
    """

    def __init__(
        self,
        context: PipelineContext,
        files: WebHDFS,
        ledger: ArchiveLedger,
        abort: AbortSwitch | None = None,
    ) -> None:
        """Take whose archive this is."""
        self._namespace = context.namespace
        self._url = context.hdfs.url
        self._files = files
        self._ledger = ledger
        self._abort = abort or AbortSwitch(None)
        self._trees = trees(self._namespace)

    def days(self) -> list[str]:
        """Return the days, ``YYYY-MM-DD``, that have a folder in any tree, oldest first."""
        trees = self._trees.values()
        return sorted({day for tree in trees for day in partitions(self._files, tree, "date")})

    def compact(self, session: SparkSession, date: str) -> bool:
        """Compact a day; return whether nothing of it is left to do.

        It is left for later where a batch that is not whole yet has written to it, or while
        another process compacts.

        Raises:
            OSError: if HDFS refuses.
            SinkError: if the compacted rows are not those of the day; nothing was changed.
        """
        with self._ledger.compaction() as is_mine:
            if not is_mine:
                return False
            with self._ledger.exclusive():
                finish_swaps(self._files, self._namespace)
            done = [self._compact_tree(session, name, date) for name in KINDS]
        return all(done)

    def remove(self, dates: Iterable[str]) -> None:
        """Remove days from every tree."""
        for date in dates:
            with self._ledger.exclusive():
                finish_swaps(self._files, self._namespace)
                for tree in self._trees.values():
                    remove(self._files, day_folder(tree, date))
            log.info("archive_day_removed", date=date)

    def _compact_tree(self, session: SparkSession, name: str, date: str) -> bool:
        tree = self._trees[name]
        hours = self._split_hours(day_folder(tree, date))
        inputs = [path for paths in hours.values() for path in paths]
        if not inputs:
            return True
        batches = [batch for batch in map(batch_of, inputs) if batch is not None]
        committed = self._ledger.committed()
        if not all(is_committed(committed, batch) for batch in batches):
            log.warning("compaction_waits_for_a_batch", date=date, tree=name)
            return False
        swap = DaySwap(self._files, self._namespace, tree, date, self._abort)
        swap.forget_new()
        outputs = self._merge(session, name, swap, hours)
        self._abort.at("merged")
        with self._ledger.exclusive():
            swap.replace(inputs, outputs)
        log.info(
            "archive_day_compacted", date=date, tree=name, before=len(inputs), hours=len(hours)
        )
        return True

    def _split_hours(self, day: str) -> dict[str, list[str]]:
        """Return the files of each hour's folder that has more than one."""
        return {hour: paths for hour, paths in self._hours(day).items() if len(paths) > 1}

    def _hours(self, folder: str) -> dict[str, list[str]]:
        """Return the files of each hour's folder, by the folder's name."""
        folders = names_in(self._files, folder)
        return {posixpath.basename(path): names_in(self._files, path) for path in folders}

    def _rows(self, hours: Mapping[str, Sequence[str]]) -> dict[str, int]:
        return {
            hour: sum(rows_in(self._files, path) for path in paths) for hour, paths in hours.items()
        }

    def _merge(
        self, session: SparkSession, name: str, swap: DaySwap, hours: Mapping[str, Sequence[str]]
    ) -> list[str]:
        """Write the rows of each hour as one file; return the paths.

        All hours in one job: planning one for each took longer than the work, between two batches.
        """
        schema, order, key = KINDS[name]
        with_hour = schema.append(pa.field(HOUR, pa.string()))
        inputs = [path for paths in hours.values() for path in paths]
        rows = (
            session.read.schema(from_arrow_schema(with_hour))
            .option("basePath", self._url + swap.day)
            .parquet(*(self._url + path for path in inputs))
        )
        if _may_repeat(inputs):
            rows = rows.dropDuplicates([HOUR, *key])
            expected = {f"{HOUR}={hour}": n for hour, n in rows.groupBy(HOUR).count().collect()}
        else:
            expected = self._rows(hours)
        stage_parquet(rows, self._url + swap.making, order, len(hours), HOUR)
        made = self._hours(swap.making)
        written = self._rows(made)
        if written != expected or any(len(paths) != 1 for paths in made.values()):
            message = f"{swap.new}: rows by hour {written} instead of {expected}"
            raise SinkError(message)
        targets = {
            paths[0]: f"{swap.new}/{hour}/{compacted_file(hours[hour])}"
            for hour, paths in made.items()
        }
        for part, target in sorted(targets.items()):
            rename(self._files, part, target)
        return sorted(targets.values())


def _may_repeat(paths: Iterable[str]) -> bool:
    """Tell whether two of the files may hold the same record: only if two checkpoints read it."""
    batches = [batch_of(path) for path in paths]
    return None in batches or len({batch.checkpoint for batch in batches if batch}) > 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Compact the given days, or all that are closed, and remove the expired ones."""
    parser = argparse.ArgumentParser(
        prog="python -m streaming.archive.compact", description=__doc__
    )
    parser.add_argument("--date", action="append", help="day to compact, UTC; may be repeated")
    dates = parser.parse_args(arguments).date
    configure_logging()
    context = PipelineContext.from_environment()
    files = open_hdfs(context.hdfs)
    ledger = ArchiveLedger(partial(connect, context.postgres, context.namespace))
    compactor = Compactor(context, files, ledger)
    now_ms = ExchangeNow(context.exchange, context.run.speed)()
    days = compactor.days()
    wanted = dates or closed_days(days, now_ms, context.archive)
    session = build_session("nexthour-archive-compact", context.spark, context.hdfs)
    try:
        left = [date for date in wanted if not compactor.compact(session, date)]
    finally:
        session.stop()
    compactor.remove(expired_days(days, now_ms, context.archive))
    if left:
        sys.stderr.write(f"left for a later run: {', '.join(left)}\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
