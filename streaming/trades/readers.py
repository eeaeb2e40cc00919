"""Avro's fast readers of ended tasks, which Avro itself never gives back.

Avro 1.12 keeps each reader that it builds in a map with weak keys, but each reader holds its own key
(AVRO-3524, AVRO-4253), and Spark parses the schema anew in every task: 60 kB a second of a query with a
batch a second, so that the driver was full after some hours. The readers are half of the decoding's
speed; so whoever decodes in this process empties the map between two batches. Executors are other
processes, where nobody can: they have the slower readers (`spark-defaults.conf`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JJavaError

from streaming.gate import Handler

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = structlog.get_logger(__name__)


class ReaderCache:
    """Avro's map of readers in the driver's JVM."""

    def __init__(self, session: SparkSession) -> None:
        """Look for it; an Avro without it has nothing to clear."""
        builder = session.sparkContext._jvm.org.apache.avro.generic.GenericData.get().getFastReaderBuilder()  # noqa: SLF001
        try:
            field = builder.getClass().getDeclaredField("readerCache")
        except Py4JJavaError:
            log.info("avro_has_no_reader_cache")
            self._readers: Any = None
            return
        field.setAccessible(True)
        self._readers = field.get(builder)

    def __len__(self) -> int:
        """Return how many schemas have readers."""
        return 0 if self._readers is None else int(self._readers.size())

    def clear(self) -> None:
        """Let all readers go; a task that still has one keeps it."""
        if self._readers is not None:
            # Java's own: the one that py4j gives to maps takes out what their iterators show, which
            # is nothing here.
            JavaObject.__getattr__(self._readers, "clear")()

    def emptied_after(self, handler: Handler) -> Handler:
        """Return a `foreachBatch` handler that clears the cache when a batch is done."""

        def handle(frame: DataFrame, batch_id: int) -> None:
            handler(frame, batch_id)
            self.clear()

        return handle
