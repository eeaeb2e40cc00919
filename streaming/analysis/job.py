"""One run of the analysis: history files as the table has them now → Spark → Postgres.

Guarantee: see `streaming.analysis.store`. The same hours give the same rows, so that a run that was cut off
is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from pyspark import StorageLevel
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.connections.hdfs import exists, open_hdfs
from conf.connections.postgres import connect
from conf.names import DAY_HOURS
from streaming.analysis.errors import NoHistoryError
from streaming.analysis.hours import judge, read_history
from streaming.analysis.store import Analysed, write_analysis
from streaming.analysis.tables import analysis_tables
from streaming.context import PipelineContext
from streaming.history.refresh import refresh

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = structlog.get_logger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def analyse(
    session: SparkSession,
    context: PipelineContext,
    wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Analysed:
    """Refresh the history files, analyse all whole UTC days in them, and replace the analysis.

    Args:
        session: any; its settings stay as they are.
        context: settings of the run.
        wall_clock: for the record of the run.

    Raises:
        NoHistoryError: if there is no whole day.
        OSError: if HDFS does not answer.
        psycopg2.Error: if Postgres does not.
        pyspark.errors.PySparkException, py4j.protocol.Py4JError: if Spark fails.
    """
    started_at = wall_clock()
    refresh(context.run, context.hdfs, context.postgres)
    paths = _history_files(context)
    with ExitStack() as kept:

        def keep(frame: DataFrame) -> DataFrame:
            # On disk: the heap belongs to the queries' state.
            persisted = frame.persist(StorageLevel.DISK_ONLY)
            kept.callback(persisted.unpersist)
            return persisted

        rows = keep(judge(read_history(_own(session, context), paths)))
        until_day = _until_day(rows)
        frames = analysis_tables(rows, until_day, keep)
        tables = {name: frame.toArrow() for name, frame in frames.items()}
    run = Analysed(
        started_at,
        _EPOCH + timedelta(days=until_day),
        tuple(paths),
        sum(tables["analysis_symbol"]["hours"].to_pylist()),
    )
    with closing(connect(context.postgres, context.namespace)) as connection:
        changed = write_analysis(connection, run, tables)
    log.info(
        "analysis written",
        until=run.until.isoformat(),
        hours=run.hours,
        rows=sum(table.num_rows for table in tables.values()),
        changed=changed,
        seconds=round((wall_clock() - started_at).total_seconds(), 1),
    )
    return run


def _history_files(context: PipelineContext) -> dict[str, str]:
    """Return the URL of each symbol's history file, as far as there is one."""
    files = open_hdfs(context.hdfs)
    found = {}
    for symbol in context.run.symbols:
        path = context.namespace.history_file(symbol)
        if exists(files, path):  # not that of a coin listed only now
            found[symbol] = f"{context.hdfs.url.rstrip('/')}{path}"
    if not found:
        message = f"no history such as {path}; run `python -m streaming.history` first"
        raise NoHistoryError(message)
    return found


def _own(session: SparkSession, context: PipelineContext) -> SparkSession:
    """Return a session of the same Spark whose stages have many short tasks."""
    own = session.newSession()
    own.conf.set("spark.sql.shuffle.partitions", str(context.analysis.partitions))
    own.conf.set("spark.sql.adaptive.coalescePartitions.enabled", "false")
    own.conf.set("spark.sql.session.timeZone", "UTC")
    return own


def _until_day(rows: DataFrame) -> int:
    """Return the day up to which all hours are over, by the newest of any symbol."""
    known = rows.where(F.col("close").isNotNull())
    first, last = known.agg(F.min("hour"), F.max("hour")).head()
    if last is None or (last + 1) // DAY_HOURS <= first // DAY_HOURS:
        message = "no whole UTC day of history yet; wait for one to end, or load some"
        raise NoHistoryError(message)
    return int((last + 1) // DAY_HOURS)
