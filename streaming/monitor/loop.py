"""Read, sort out, store, for ever: whatever is away, the monitor waits for it and catches up."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

import psycopg2
import structlog
from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import KafkaSettings, PostgresSettings
from streaming.monitor import NAME
from streaming.monitor.errors import StoreAwayError
from streaming.monitor.messages import Bad, Batch, Message, sort_out
from streaming.monitor.source import TopicSource
from streaming.monitor.table import MonitorTable
from streaming.progress import JobStatus

log = structlog.get_logger(__name__)

# A quiet topic is asked this often, hence at most two transactions a second; a backlog is read in
# batches as large as this, back to back.
WAIT_S = 0.5
BATCH = 5000
REPORT_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
SHOWN_BAD = 5


class Monitor:
    """Topics `incidents` and `feed` → Postgres.

    Guarantee: at-least-once reading, effectively-once rows. The positions are stored in the same
    transaction as the rows, and reading begins at them; an incident is kept once per
    (partition, offset, Kafka's time), a feed status replaces only an older one of its symbol by
    the exchange's clock. So a crash anywhere, a second monitor and a repeated batch change nothing.
    A message that is none of the contract is counted and logged with its offset, and stays on its
    topic; it holds nothing up.
    """

    def __init__(
        self,
        open_source: Callable[[], TopicSource],
        open_table: Callable[[], MonitorTable],
        status: JobStatus,
        namespace: Namespace,
    ) -> None:
        """Take how to open both ends; nothing is opened yet."""
        self._open_source = open_source
        self._open_table = open_table
        self._status = status
        self._namespace = namespace
        self._counts: Counter[str] = Counter(incidents=0, feed=0, bad=0)
        self._reported_s = float("-inf")
        self._state: str | None = None

    def check(self) -> None:
        """Open both ends once.

        Raises:
            StoreAwayError: if one cannot be used; the message says what to do.
        """
        with closing(self._open_table()) as table, closing(self._open_source()) as source:
            source.begin(table.positions())

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set; tries again for ever, with a pause that grows to some seconds."""
        while not stop.is_set():
            retrying = Retrying(
                retry=retry_if_exception_type(Exception),
                stop=stop_when_event_set(stop),
                wait=wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S),
                sleep=sleep_using_event(stop),
                before_sleep=self._failed,
            )
            try:
                retrying(self._session, stop)
            except RetryError:
                break  # asked to stop while something was away
        if self._state != "postgres":
            self._status.write(NAME, "stopped", self._counts)
        self._status.close()

    def _session(self, stop: threading.Event) -> None:
        """Read and store until `stop` is set; after something was stored a failure only ends it.

        So that the pauses begin anew: they grow only while nothing can be stored at all.
        """
        has_stored = False
        try:
            with closing(self._open_table()) as table, closing(self._open_source()) as source:
                self._begin(source, table)
                while not stop.is_set():
                    messages = source.read(BATCH, WAIT_S)
                    if messages:
                        self._store(table, messages)
                        has_stored = True
                    self._report()
        except Exception as error:
            if not has_stored:
                raise
            self._say_away(error)

    def _begin(self, source: TopicSource, table: MonitorTable) -> None:
        for partition, start in source.begin(table.positions()).items():
            if start.is_other_topic:
                table.forget(partition)
                log.warning("topic_is_another_one", topic=partition[0], begins_at=start.offset)
            if start.lost:
                log.error("messages_aged_out", topic=partition[0], lost=start.lost)

    def _store(self, table: MonitorTable, messages: Sequence[Message]) -> None:
        """Store messages; those that the server takes for no row are bad, the others are stored."""
        batch = sort_out(messages, self._namespace)
        try:
            table.write(batch)
        except (psycopg2.DataError, psycopg2.IntegrityError) as error:
            if len(messages) > 1:
                middle = len(messages) // 2
                self._store(table, messages[:middle])
                self._store(table, messages[middle:])
                return
            bad = [Bad(messages[0], str(error).partition("\n")[0])]
            batch = Batch(bad=bad, positions=batch.positions)
            table.write(batch)
        self._count(batch, len(messages))

    def _count(self, batch: Batch, messages: int) -> None:
        incidents, bad = len(batch.incidents), len(batch.bad)
        self._counts.update(incidents=incidents, bad=bad, feed=messages - incidents - bad)
        if bad:
            log.error(
                "bad_messages",
                count=bad,
                first=[
                    {
                        "topic": each.message.topic,
                        "partition": each.message.partition,
                        "offset": each.message.offset,
                        "reason": each.reason,
                    }
                    for each in batch.bad[:SHOWN_BAD]
                ],
            )

    def _report(self) -> None:
        if self._state != "running":
            self._state = "running"
            log.info("monitor_running")
        if time.monotonic() - self._reported_s >= REPORT_S:
            self._reported_s = time.monotonic()
            self._status.write(NAME, "running", self._counts)

    def _failed(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None:
            self._say_away(error)

    def _say_away(self, error: BaseException) -> None:
        """Say once that a store is away, or that something went wrong that nobody foresaw."""
        is_foreseen = isinstance(error, StoreAwayError)
        state = error.store if isinstance(error, StoreAwayError) else type(error).__name__
        if state != self._state:
            self._state = state
            reason = str(error)
            log.warning("monitor_waits", reason=reason, exc_info=None if is_foreseen else error)
            if state != "postgres":
                self._status.write(NAME, "waiting", {**self._counts, "reason": reason})
        self._status.close()  # the server may be another one when it is back


def build_monitor(
    kafka: KafkaSettings, postgres: PostgresSettings, namespace: Namespace
) -> Monitor:
    """Return the monitor of a namespace."""
    connecting = partial(connect, postgres, namespace)
    return Monitor(
        partial(TopicSource, kafka, namespace),
        partial(MonitorTable, connecting),
        JobStatus(connecting),
        namespace,
    )
