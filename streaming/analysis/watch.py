"""The analysis once per day of the exchange, in the running Spark session of an application.

It begins when an hour has just closed, so that the next closing is as far away as can be, and in a scheduler
pool that comes after all queries. A run that fails is tried again when the next hour has closed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg2
import structlog
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from conf.connections.postgres import fetch
from conf.names import DAY_MS, HOUR_MS, epoch_ms
from streaming.analysis.job import analyse
from streaming.context import PipelineContext
from streaming.errors import StreamingError
from streaming.failures import one_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAME = "analysis"
"""Also its pool in `conf/fairscheduler.xml`."""

SETTLE_MS = HOUR_MS
"""A day is analysed once the first hour of the next one has closed: a coin that closes later than the
others is then there, too, and the projection and the training of midnight have begun before."""

_STANDING = """
SELECT (SELECT max(open_time) FROM candle WHERE interval = '1h' AND status = 'final'),
       (SELECT max(until_time) FROM analysis_run)
"""

log = structlog.get_logger(__name__)


def is_due(newest_ms: int, analysed_until_ms: int | None) -> bool:
    """Tell whether there is a day to analyse. Pure.

    Args:
        newest_ms: open time of the newest final hour of any symbol, UTC epoch ms.
        analysed_until_ms: end of the newest analysis, exclusive; None if there is none.
    """
    settled_ms = newest_ms + HOUR_MS - SETTLE_MS
    ended_ms = settled_ms - settled_ms % DAY_MS
    return analysed_until_ms is None or analysed_until_ms < ended_ms


def run(session: SparkSession, context: PipelineContext, stop: threading.Event) -> None:
    """Look every `AnalysisSettings.poll_s` wall seconds until `stop` is set."""
    if not context.analysis.is_enabled:
        return
    session.sparkContext.setLocalProperty("spark.scheduler.pool", NAME)
    seen_ms: int | None = None
    while not stop.wait(context.analysis.poll_s):
        try:
            newest_ms, until_ms = _standing(context)
            has_closed, seen_ms = seen_ms not in (None, newest_ms), newest_ms
            if has_closed and newest_ms is not None and is_due(newest_ms, until_ms):
                analyse(session, context)
        except (StreamingError, psycopg2.Error, OSError, PySparkException, Py4JError) as error:
            if not stop.is_set():  # else Spark ended under it, as it should
                log.warning("analysis_put_off", reason=one_line(error))


def _standing(context: PipelineContext) -> tuple[int | None, int | None]:
    """Return the newest final hour of any symbol, and the end of the newest analysis, UTC epoch ms."""
    ((newest, until),) = fetch(context.postgres, context.namespace, _STANDING)
    return (epoch_ms(newest) if newest else None, epoch_ms(until) if until else None)
