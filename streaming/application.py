"""One Spark application: its queries side by side, each restarted by itself, and drained at the end.

A query that fails is started again from its checkpoint, for ever, while the others go on; each failure is an
alarm. What no restart heals (`StartError`) ends the application with one line and code 2; a Spark that is
gone ends it with 1, and whoever started it (systemd, Kubernetes, a person) starts it anew.

What runs beside the queries (the monitor, the repairs, the daily analysis) runs in threads of its own: it
waits for what is away instead of failing, and no failure of it ends a query.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from conf.connections.postgres import connect
from conf.connections.spark import build_session
from conf.logs import configure_logging
from streaming.alarms import alarms_of
from streaming.context import PipelineContext
from streaming.errors import StartError
from streaming.failures import one_line
from streaming.metrics import metrics_server
from streaming.preflight import check_stores
from streaming.progress import JobStatus
from streaming.reports import FAILED as QUERY_FAILED
from streaming.reports import STOPPED, QueryFigures, QueryReports
from streaming.supervision import STOP_TIMEOUT_MS, Query, SupervisedQuery

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = structlog.get_logger(__name__)

RunBeside = Callable[[PipelineContext, threading.Event], None]
RunInSession = Callable[["SparkSession", PipelineContext, threading.Event], None]

OK, FAILED, CANNOT_START = 0, 1, 2
POLL_S = 0.2
REPORT_S = 1.0
BESIDE_STOP_S = 8.0


def run(
    name: str,
    queries: Mapping[str, Query],
    beside: Mapping[str, RunBeside] | None = None,
    in_session: Mapping[str, RunInSession] | None = None,
) -> int:
    """Run queries until SIGTERM, SIGINT or an error that no restart heals; return the exit code.

    Args:
        name: the application's name in Spark's tools.
        queries: the queries by name, which is also their scheduler pool.
        beside: what else to run, by its name, until the event that it is given is set.
        in_session: the same of what runs jobs in the queries' Spark session.

    Returns:
        0 after a signal, 1 if Spark was lost, 2 if a query or the application cannot start.
    """
    configure_logging()
    stop = _stop_on_signals()
    try:
        context = PipelineContext.from_environment()
        check_stores(context)
        return _run(name, queries, beside or {}, in_session or {}, context, stop)
    except (ValidationError, StartError) as error:
        return _say(name, one_line(error), CANNOT_START)


def _run(
    name: str,
    queries: Mapping[str, Query],
    beside: Mapping[str, RunBeside],
    in_session: Mapping[str, RunInSession],
    context: PipelineContext,
    stop: threading.Event,
) -> int:
    with ExitStack() as stack:
        reports: dict[str, QueryReports] = {}
        alarms = {query: alarms_of(context, query) for query in queries}
        for query_name, query in queries.items():
            reports[query_name] = QueryReports(
                query_name,
                alarms[query_name],
                time.monotonic,
                quiet_s=context.supervision.quiet_s + 2 * query.period_s(context),
                check=query.check,
            )
        if context.supervision.metrics_port is not None:
            server = metrics_server(context.supervision.metrics_port, partial(_figures, reports))
            stack.enter_context(server)
            log.info("metrics are served", port=server.port)
        stack.enter_context(_running_beside(beside, context, stop))
        try:
            session = build_session(name, context.spark, context.hdfs, is_long_running=True)
        except Exception as error:  # Spark raises whatever its gateway meets
            return _say(name, f"Spark did not start: {one_line(error)}", CANNOT_START)
        with_session = {part: partial(run, session) for part, run in in_session.items()}
        stack.enter_context(_running_beside(with_session, context, stop))
        application = _Application(session, context, stop, reports)
        failure = application.run(queries)
        for voice in alarms.values():
            voice.flush()
        return _say(name, *failure) if failure else OK


def _figures(reports: Mapping[str, QueryReports]) -> Sequence[QueryFigures]:
    return [of_query.figures() for of_query in reports.values()]


class _Application:
    """The queries of one session, each supervised by a thread."""

    def __init__(
        self,
        session: SparkSession,
        context: PipelineContext,
        stop: threading.Event,
        reports: Mapping[str, QueryReports],
    ) -> None:
        self._session = session
        self._context = context
        self._stop = stop
        self._reports = reports
        self._failure: tuple[str, int] | None = None
        self._lock = threading.Lock()

    def run(self, queries: Mapping[str, Query]) -> tuple[str, int] | None:
        """Run until the end; return why it ended and the exit code, None after a signal."""
        supervised = {
            name: SupervisedQuery(
                name, query, self._session, self._context, self._reports[name], self._stop
            )
            for name, query in queries.items()
        }
        threads = [
            threading.Thread(target=self._supervise, args=(one,), name=name, daemon=True)
            for name, one in supervised.items()
        ]
        for thread in threads:
            thread.start()
        status = JobStatus(partial(connect, self._context.postgres, self._context.namespace))
        self._report_until_stopped(supervised, status)
        patience_s = self._context.supervision.drain_timeout_s + STOP_TIMEOUT_MS / 1000
        give_up_s = time.monotonic() + patience_s
        for thread in threads:
            thread.join(max(0.0, give_up_s - time.monotonic()))
        self._stop_spark()
        reason = self._failure[0] if self._failure else None
        for of_query in self._reports.values():
            if of_query.figures().state != QUERY_FAILED:
                of_query.ended(QUERY_FAILED if reason else STOPPED, reason)
        self._write(status, {})
        status.close()
        return self._failure

    def _supervise(self, query: SupervisedQuery) -> None:
        try:
            query.run_until_stopped()
        except StartError as error:
            self._end(query.name, one_line(error), CANNOT_START)
        except Exception as error:  # Spark is gone, or this program is wrong
            self._end(query.name, one_line(error), FAILED)

    def _end(self, name: str, reason: str, code: int) -> None:
        with self._lock:
            if self._failure is None and not self._stop.is_set():
                self._failure = (f"query {name}: {reason}", code)
                self._reports[name].ended(QUERY_FAILED, reason)
        self._stop.set()

    def _report_until_stopped(
        self, supervised: Mapping[str, SupervisedQuery], status: JobStatus
    ) -> None:
        written: dict[str, int] = {}
        is_said = False
        wait_s = POLL_S
        while not self._stop.wait(wait_s):
            if not is_said and all(one.has_run for one in supervised.values()):
                is_said, wait_s = True, REPORT_S
                log.info("queries are running", queries=list(supervised))
            self._write(status, written)

    def _write(self, status: JobStatus, written: dict[str, int]) -> None:
        for name, of_query in self._reports.items():
            version = of_query.version
            if written.get(name) != version:
                written[name] = version
                figures = of_query.figures()
                status.write(name, figures.state, figures.detail())

    def _stop_spark(self) -> None:
        try:
            self._session.stop()
        except Exception as error:  # the JVM may be gone already: nothing is left to stop
            log.warning("stopped_roughly", error=one_line(error))


@contextmanager
def _running_beside(
    parts: Mapping[str, RunBeside], context: PipelineContext, stop: threading.Event
) -> Iterator[None]:
    """Run parts in threads; at the end they are asked to stop and waited for, but not for ever."""
    threads = [
        threading.Thread(target=_guarded, args=(name, part, context, stop), name=name, daemon=True)
        for name, part in parts.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(BESIDE_STOP_S)


def _guarded(name: str, part: RunBeside, context: PipelineContext, stop: threading.Event) -> None:
    try:
        part(context, stop)
    except Exception:
        log.exception("part_ended", part=name)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def _say(name: str, problem: str, code: int) -> int:
    sys.stderr.write(f"{name}: {problem}\n")
    return code
