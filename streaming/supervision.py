"""One query of an application: restarted by itself from its checkpoint, for ever, with growing waits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from conf.settings import SupervisionSettings
from streaming.context import PipelineContext
from streaming.errors import NotReadyError, StartError
from streaming.failures import one_line
from streaming.gate import QueryRun
from streaming.reports import Check, QueryReports

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

log = structlog.get_logger(__name__)

StartQuery = Callable[["SparkSession", PipelineContext, QueryRun], "StreamingQuery"]

POLL_S = 0.2
STOP_TIMEOUT_MS = 5000
"""How long `StreamingQuery.stop` waits for a batch that it interrupted; Spark's default is for ever."""
# 2^20 times any base is above any cap; larger powers would only overflow.
_MOST_DOUBLINGS = 20


class RestartWaits:
    """Capped exponential backoff with full jitter. Pure but for the random numbers it is given.

    Full jitter, because queries that failed for the same reason must not come back together.
    """

    def __init__(
        self, settings: SupervisionSettings, uniform: Callable[[float, float], float] | None = None
    ) -> None:
        """Take the bounds, and a function that draws between two numbers."""
        self._settings = settings
        self._uniform = uniform or random.uniform
        self.failures = 0
        """Failures in a row: since a run that was stable."""

    def next_wait_s(self, ran_s: float) -> float:
        """Count a failure after a run of so many seconds; return how long to wait."""
        if ran_s >= self._settings.stable_after_s:
            self.failures = 0
        doublings = min(self.failures, _MOST_DOUBLINGS)
        self.failures += 1
        most_s = min(self._settings.restart_cap_s, self._settings.restart_base_s * 2**doublings)
        return self._uniform(0.0, most_s)


def _no_period(_context: PipelineContext) -> float:
    return 0.0


@dataclass(frozen=True)
class Query:
    """A query of an application.

    Attributes:
        start: starts one run of it, in a session of its own.
        check: what is wrong with a committed batch, one line each.
        period_s: wall seconds between two batches where the query has a trigger of its own.
    """

    start: StartQuery
    check: Check | None = None
    period_s: Callable[[PipelineContext], float] = _no_period


class SparkGoneError(RuntimeError):
    """The JVM or its Spark context ended: no query of this process can run again."""


class SupervisedQuery:
    """Runs one query until it is asked to stop, from its checkpoint again after each failure."""

    def __init__(
        self,
        name: str,
        query: Query,
        session: SparkSession,
        context: PipelineContext,
        reports: QueryReports,
        stop: threading.Event,
    ) -> None:
        """Take the query and what it runs with; `run_until_stopped` starts it."""
        self.name = name
        self.has_run = False
        """Whether it was started at least once."""
        self._query = query
        self._parent = session
        self._context = context
        self._reports = reports
        self._stop = stop
        self._waits = RestartWaits(context.supervision)

    def run_until_stopped(self) -> None:
        """Run; returns after the drain.

        Raises:
            StartError: if no restart can heal why it does not start.
            SparkGoneError: if there is no Spark left to start it in.
        """
        # The thread that starts a query gives it its scheduler pool.
        self._parent.sparkContext.setLocalProperty("spark.scheduler.pool", self.name)
        session = self._own_session()
        while not self._stop.is_set():
            began_s = time.monotonic()
            reason = self._run_once(session)
            if reason is None or self._stop.is_set():
                return
            if _is_gone(self._parent):
                message = f"Spark is gone ({reason})"
                raise SparkGoneError(message)
            wait_s = self._waits.next_wait_s(time.monotonic() - began_s)
            self._reports.failed(reason, self._waits.failures, wait_s)
            self._stop.wait(wait_s)

    def _own_session(self) -> SparkSession:
        """Return a session whose reports, and no other query's, come to this query."""
        from streaming.listener import ProgressListener

        session = self._parent.newSession()
        session.conf.set("spark.sql.streaming.stopTimeout", str(STOP_TIMEOUT_MS))
        ProgressListener(self._reports.take, self._reports.idle).listen(session)
        return session

    def _run_once(self, session: SparkSession) -> str | None:
        """Run once; return why the run failed, None if it was stopped."""
        one_run = QueryRun()
        try:
            query = self._query.start(session, self._context, one_run)
            self.has_run = True
            self._reports.started()
            while query.isActive:
                if self._stop.wait(POLL_S):
                    is_between = one_run.drain(query, self._context.supervision.drain_timeout_s)
                    log.info("query_stopped", query=self.name, between_batches=is_between)
                    return None
            error = query.exception()
            return one_line(error) if error else "ended by itself"
        except NotReadyError as error:
            if not self.has_run:
                raise
            return one_line(error)
        except StartError:
            raise
        except Exception as error:  # whatever Spark, a store or the gateway raises
            return one_line(error)
        finally:
            one_run.end()


def _is_gone(session: SparkSession) -> bool:
    try:
        return bool(session.sparkContext._jsc.sc().isStopped())  # noqa: SLF001 - no public way
    except Exception:  # the gateway has many ways to say that nobody is there
        return True
