"""One Spark application: its queries side by side, watched, and stopped cleanly.

What runs beside the queries (the monitor) runs in threads of its own: it waits for what is away
instead of failing, and no failure of it ends a query.

A query that fails ends the whole application with one line and a non-zero code: queries of one
application stand and fall together, and whoever started it (systemd, Kubernetes, a person) restarts it. All
sinks are made for that (`streaming.candles.sink`).
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from conf.connections.postgres import connect
from conf.connections.spark import build_session
from conf.logs import configure_logging
from streaming.context import PipelineContext
from streaming.errors import StartError
from streaming.preflight import check_stores
from streaming.progress import JobStatus, summarize

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

log = structlog.get_logger(__name__)

StartQuery = Callable[["SparkSession", PipelineContext], "StreamingQuery"]
RunBeside = Callable[[PipelineContext, threading.Event], None]

OK, FAILED, CANNOT_START = 0, 1, 2
POLL_S = 0.2
REPORT_S = 1.0
BESIDE_STOP_S = 8.0


def run(
    name: str, queries: Mapping[str, StartQuery], beside: Mapping[str, RunBeside] | None = None
) -> int:
    """Run queries until SIGTERM, SIGINT or the failure of one; return the exit code.

    Args:
        name: the application's name in Spark's tools.
        queries: how to start each query, by its name; the first is started first.
        beside: what else to run, by its name, until the event that it is given is set.

    Returns:
        0 after a signal, 1 if a query failed, 2 if the application could not start.
    """
    configure_logging()
    stop = _stop_on_signals()
    try:
        context = PipelineContext.from_environment()
        check_stores(context)
    except (ValidationError, StartError) as error:
        return _say(name, one_line(error), CANNOT_START)
    with _running_beside(beside or {}, context, stop):
        return _run_queries(name, queries, context, stop)


def _run_queries(
    name: str, queries: Mapping[str, StartQuery], context: PipelineContext, stop: threading.Event
) -> int:
    try:
        session = build_session(name, context.spark, context.hdfs)
    except Exception as error:  # Spark raises whatever its gateway meets
        return _say(name, f"Spark did not start: {one_line(error)}", CANNOT_START)
    status = JobStatus(partial(connect, context.postgres, context.namespace))
    started: dict[str, StreamingQuery] = {}
    try:
        for query_name, start in queries.items():
            session.sparkContext.setLocalProperty("spark.scheduler.pool", query_name)
            started[query_name] = start(session, context)
            status.write(query_name, "running", {})
        log.info("queries are running", queries=list(started))
        failure = _watch(started, status, stop)
    except Exception as error:
        failure = None if stop.is_set() else one_line(error)
    finally:
        _stop(session, started)
    state = "failed" if failure else "stopped"
    for query_name in started:
        status.write(query_name, state, {"reason": failure} if failure else {})
    status.close()
    return _say(name, failure, FAILED) if failure else OK


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


def one_line(error: BaseException) -> str:
    """Return the line of an error that tells most: the last of a Python traceback, else the first."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    traceback = [number for number, line in enumerate(lines) if line.startswith("Traceback (most")]
    if not traceback:
        return lines[0]
    for line in lines[traceback[-1] + 1 :]:
        if (
            not line.startswith(("File ", "^", "~"))
            and ": " in line
            and " " not in line.split(": ")[0]
        ):
            return line
    return lines[-1]


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def _watch(
    queries: Mapping[str, StreamingQuery], status: JobStatus, stop: threading.Event
) -> str | None:
    """Wait for a signal (None) or the end of a query (its reason); report meanwhile."""
    reported_s = 0.0
    last_batch: dict[str, int] = {}
    while not stop.wait(POLL_S):
        for name, query in queries.items():
            if not query.isActive:
                error = query.exception()
                return f"query {name}: {one_line(error) if error else 'ended by itself'}"
        if time.monotonic() - reported_s >= REPORT_S:
            reported_s = time.monotonic()
            for name, query in queries.items():
                _report(name, query, status, last_batch)
    return None


def _report(
    name: str, query: StreamingQuery, status: JobStatus, last_batch: dict[str, int]
) -> None:
    progress = query.lastProgress
    if progress is None or progress["batchId"] == last_batch.get(name):
        return
    last_batch[name] = progress["batchId"]
    summary = summarize(progress)
    if summary["dropped_by_watermark"]:
        log.error("rows_dropped_by_watermark", query=name, rows=summary["dropped_by_watermark"])
    status.write(name, "running", summary)


def _stop(session: SparkSession, queries: Mapping[str, StreamingQuery]) -> None:
    try:
        for query in queries.values():
            query.stop()
        session.stop()
    except Exception as error:  # the JVM may be gone already: nothing is left to stop
        log.warning("stopped_roughly", error=one_line(error))


def _say(name: str, problem: str, code: int) -> int:
    sys.stderr.write(f"{name}: {problem}\n")
    return code
