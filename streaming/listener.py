"""Receives every progress report of a session's queries from the JVM, at the price of one call.

PySpark's own listener turns each report into Python objects field by field, each field a call into the
JVM: 30-50 ms on the cores of the batch. This one takes the report as one JSON text (1.5 ms, in the
thread of Spark's listener bus) and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import structlog
from pyspark import SparkContext
from pyspark.sql.streaming import StreamingQueryListener

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject
    from pyspark.sql import SparkSession

log = structlog.get_logger(__name__)


class ProgressListener(StreamingQueryListener):  # type: ignore[misc] # no types in this package of Spark
    """Hands on reports as JSON, in order; an error in whoever takes them is logged and no more.

    Spark calls it from its listener bus, not from the query's thread: a slow receiver delays later
    reports, never a batch.
    """

    def __init__(self, on_progress: Callable[[str], None], on_idle: Callable[[], None]) -> None:
        """Take who gets a committed batch's report, and who is told that there was nothing to do."""
        self._on_progress = on_progress
        self._on_idle = on_idle
        self._wrapped: JavaObject | None = None

    def listen(self, session: SparkSession) -> None:
        """Receive reports of the queries of this very session; its siblings have their own."""
        session.streams.addListener(self)

    @property
    def _jlistener(self) -> JavaObject:
        """Give the JVM this object itself, not PySpark's translator of events."""
        if self._wrapped is None:
            jvm: Any = SparkContext._jvm  # noqa: SLF001 - as the method that this one replaces
            self._wrapped = jvm.PythonStreamingQueryListenerWrapper(self)
        return self._wrapped

    def onQueryStarted(self, event: Any) -> None:  # noqa: N802 - Spark\'s name
        """Do nothing: whoever starts a query knows it."""

    def onQueryProgress(self, event: Any) -> None:  # noqa: N802 - Spark\'s name
        """Hand on a report."""
        try:
            self._on_progress(event.progress().json())
        except Exception:
            log.exception("progress_not_taken")

    def onQueryIdle(self, event: Any) -> None:  # noqa: N802 - Spark\'s name
        """Say that the query lives though it has nothing to do."""
        try:
            self._on_idle()
        except Exception:
            log.exception("idle_not_taken")

    def onQueryTerminated(self, event: Any) -> None:  # noqa: N802 - Spark\'s name
        """Do nothing: whoever watches a query asks it why it ended."""

    class Java:
        """The Java interface of this class, for py4j."""

        implements: ClassVar = ["org.apache.spark.sql.streaming.PythonStreamingQueryListener"]
