"""One run of a query, from its start to its end: it can be closed between two batches.

`StreamingQuery.stop` interrupts whatever batch is running. A closed gate instead lets the running batch
end and be committed, and holds the next one before its handler has touched any store; a query that is
stopped there leaves no half batch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from streaming.errors import StreamingError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.streaming.query import StreamingQuery

log = structlog.get_logger(__name__)

Handler = Callable[["DataFrame", int], None]

POLL_S = 0.02
# The batch's thread sleeps so long at a closed gate; `stop` interrupts it after milliseconds.
HOLD_MS = 60_000


class QueryRun:
    """What the application shares with one run of a query; a restarted query gets a new one."""

    def __init__(self) -> None:
        """Make a run whose gate is open."""
        self._is_closed = threading.Event()
        self._is_reached = threading.Event()
        self._closers: list[Callable[[], None]] = []
        self._handler: Handler | None = None

    def gated(self, handler: Handler) -> Handler:
        """Return a `foreachBatch` handler that begins no batch once the gate is closed."""
        # The JVM holds what it calls until some later collection of its garbage; a sink with its
        # connections and threads must not live on with it, one for each failure.
        self._handler = handler

        def handle(frame: DataFrame, batch_id: int) -> None:
            if self._is_closed.is_set():
                self._is_reached.set()
                _hold(frame)
            if self._handler is None:
                message = "this run of the query is over"
                raise StreamingError(message)
            self._handler(frame, batch_id)

        return handle

    def at_end(self, close: Callable[[], None]) -> None:
        """Have a function called when the run is over, to give back a sink's connections."""
        self._closers.append(close)

    def end(self) -> None:
        """Let the handler go and call what `at_end` was given, last first; errors are logged."""
        self._handler = None
        while self._closers:
            try:
                self._closers.pop()()
            except Exception as error:  # connections of a query that failed may be broken
                log.warning("not_closed", error=repr(error))

    def drain(self, query: StreamingQuery, timeout_s: float) -> bool:
        """Let the running batch end and be committed, then stop the query.

        Args:
            query: the running query.
            timeout_s: how long the batch may take; then it is interrupted, and comes again after
                a restart.

        Returns:
            Whether the query was stopped between two batches.
        """
        self._is_closed.set()
        give_up_s = time.monotonic() + timeout_s
        is_between = False
        while not is_between and time.monotonic() < give_up_s:
            is_between = self._is_reached.wait(POLL_S) or not query.status["isTriggerActive"]
        query.stop()
        return is_between


def _hold(frame: DataFrame) -> None:
    """Sleep in the batch's own thread of the JVM until the query is stopped; never returns.

    An interrupted sleep raises what Spark takes for a stop; returning would commit a batch that
    no store has seen.
    """
    frame.sparkSession.sparkContext._jvm.java.lang.Thread.sleep(HOLD_MS)  # noqa: SLF001
    message = "held at a closed gate, and nobody stopped the query"
    raise StreamingError(message)
