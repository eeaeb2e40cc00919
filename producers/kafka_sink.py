"""Records → Kafka, in transactions, from a thread of its own.

Guarantee: per symbol, read_committed readers see the records in the order of `put`, each once, or
not at all if the process ends before their commit. A transaction that the broker aborts is sent again
with the same records; when its outcome is unknown the sink breaks (`SinkBrokenError`) and the tail of
the topic decides. Memory is bounded: above `queue_limit` uncommitted records `put` waits.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from conf.abort import AbortSwitch
from conf.contracts.dead_letters import DeadLetter
from conf.contracts.feed import FeedStatus, encode_feed_status
from conf.contracts.incidents import Incident, encode_incident
from conf.contracts.trades import TradeRecord, encode, encode_fields
from producers.errors import FencedError, ProducerError, SinkBrokenError
from producers.kafka_errors import kafka_error, translated
from producers.kafka_producer import VENUE_HEADER, WRITER_HEADER, SinkConfig, dispose
from producers.messages import Trade

log = structlog.get_logger(__name__)

Item = Trade | TradeRecord | DeadLetter | Incident | FeedStatus

RESENDS = 3
# Readers wait for the end of the hour; the closes of all symbols come within a few milliseconds.
CLOSE_COMMIT_S = 0.015
COMMIT_TRIES = 3
# Behind a backlog one transaction would take all of it, seconds long and as large as the queue.
MOST_RECORDS = 10_000


@dataclass(slots=True)
class SinkCounts:
    """What was committed since the start of the process; records are those of series and dead letters."""

    records: int = 0
    dead_letters: int = 0
    transactions: int = 0
    resends: int = 0
    commit_retries: int = 0
    commit_ms: float = 0.0
    slowest_commit_ms: float = 0.0
    dead_by_reason: dict[str, int] = field(default_factory=dict)


class KafkaSink:
    """Takes records from the event loop and commits them from a worker thread."""

    def __init__(
        self,
        config: SinkConfig,
        producer: Producer,
        counts: SinkCounts | None = None,
        abort: AbortSwitch | None = None,
    ) -> None:
        self.counts = counts or SinkCounts()
        self._abort = abort or AbortSwitch(None)
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._config = config
        self._producer = producer
        self._queue: SimpleQueue[Sequence[Item] | None] = SimpleQueue()
        self._offered = 0
        self._committed = 0
        self._room = asyncio.Event()
        self._room.set()
        self._send_errors: list[str] = []
        names = config.namespace
        self._headers = [
            (VENUE_HEADER, config.venue.encode()),
            (WRITER_HEADER, names.transactional_id(config.shard).encode()),
        ]
        self._thread = threading.Thread(target=self._work, name="kafka-sink", daemon=True)
        self._thread.start()

    def offer(self, items: Sequence[Item]) -> None:
        """Hand over records, even when it is full: the caller is to stop soon."""
        self._offered += len(items)
        self._queue.put(items)
        if self.is_full:
            self._room.clear()

    async def room(self) -> None:
        """Wait until it is not full.

        Raises:
            ProducerError: if the sink has failed.
        """
        await self._room.wait()
        if self.failure.done():
            self.failure.result()

    async def put(self, items: Sequence[Item]) -> None:
        """Hand over records; waits while too many are uncommitted.

        Raises:
            ProducerError: if the sink has failed.
        """
        self.offer(items)
        await self.room()

    @property
    def is_full(self) -> bool:
        """Whether more records are uncommitted than should be."""
        return self.uncommitted > self._config.settings.queue_limit

    @property
    def uncommitted(self) -> int:
        """Records that were handed over and are not committed."""
        return self._offered - self._committed

    async def close(self) -> None:
        """Commit what was handed over and stop the thread, in `stop_timeout_s` at most.

        Raises:
            ProducerError: if the sink has failed, or could not commit in time.
        """
        self._queue.put(None)
        timeout_s = self._config.settings.stop_timeout_s
        await asyncio.to_thread(self._thread.join, timeout_s)
        if self.failure.done():
            self.failure.result()
        if self._thread.is_alive():
            text = f"{self.uncommitted} records could not be committed in {timeout_s:g} s"
            raise SinkBrokenError(text)

    # The worker thread

    def _work(self) -> None:
        try:
            while self._one_transaction():
                pass
        except FencedError as error:
            self._tell(self._fail, error)
        except ProducerError as error:
            self._tell(self._fail, error)
            dispose(self._producer)
        except Exception as error:
            log.exception("sink stopped")
            text = f"unexpected: {error!r}"
            self._tell(self._fail, SinkBrokenError(text))

    def _one_transaction(self) -> bool:
        """Wait for a record, gather until the commit is due, commit; False at the end."""
        batch = self._queue.get()
        if batch is None:
            return False
        items: list[Item] = []
        due_s = time.monotonic() + self._config.kafka.commit_interval_ms / 1000
        self._attempt(self._producer.begin_transaction, "begin_transaction")
        if self._abort:
            self._abort.at("begun")
        while batch is not None:
            items += batch
            self._send(batch)
            if _has_close(batch):
                due_s = min(due_s, time.monotonic() + CLOSE_COMMIT_S)
            left_s = due_s - time.monotonic()
            if left_s <= 0 or len(items) >= MOST_RECORDS:
                break
            try:
                batch = self._queue.get(timeout=left_s)
            except Empty:
                break
        self._commit(items)
        return batch is not None

    def _send(self, items: Sequence[Item]) -> None:
        produce, topic = self._produce, self._config.namespace.trades_topic
        schema_id = self._config.kafka.trades_schema_id
        for item in items:
            if isinstance(item, Trade):
                produce(topic, item.symbol.encode(), encode_trade(item, schema_id))
            elif isinstance(item, TradeRecord):
                produce(topic, item.symbol.encode(), encode(item, schema_id))
            else:
                produce(*self._message(item))
        self._producer.poll(0)
        if self._abort:
            self._abort.at("produced")

    def _message(self, item: DeadLetter | Incident | FeedStatus) -> tuple[str, bytes | None, bytes]:
        """Return topic, key and value of what is no part of the series."""
        names = self._config.namespace
        if isinstance(item, DeadLetter):
            return names.dead_topic, item.key, item.encode()
        if isinstance(item, Incident):
            return names.incidents_topic, item.key, encode_incident(item)
        return names.feed_topic, item.key, encode_feed_status(item)

    def _produce(self, topic: str, key: bytes | None, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value, key, headers=self._headers, on_delivery=self._on_delivery
                )
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as error:
                # `produce` says only that something fatal happened; a transaction's call says what.
                # Taken for a broken session, a fenced producer would fence its successor in turn.
                if kafka_error(error).code() == KafkaError._FATAL:  # noqa: SLF001 - its only name
                    self._attempt(self._producer.abort_transaction, "abort_transaction")
                raise translated(error, "produce") from error
            else:
                return

    def _on_delivery(self, error: object, _message: object) -> None:
        if error is not None:
            self._send_errors.append(str(error))

    def _commit(self, items: Sequence[Item]) -> None:
        for attempt in range(RESENDS + 1):
            if self._abort:
                self._abort.at("before_commit")
            begun_s = time.monotonic()
            if self._try_commit():
                took_ms = (time.monotonic() - begun_s) * 1000
                self.counts.commit_ms += took_ms
                self.counts.slowest_commit_ms = max(self.counts.slowest_commit_ms, took_ms)
                if self._abort:
                    self._abort.at("after_commit")
                self._count(items)
                return
            if attempt < RESENDS:
                self.counts.resends += 1
                self._attempt(self._producer.begin_transaction, "begin_transaction")
                self._send(items)
        text = f"{RESENDS} times sent, never committed: {self._send_errors[:1]}"
        raise SinkBrokenError(text)

    def _try_commit(self) -> bool:
        """Commit; False if the transaction was aborted and may be sent again."""
        self._send_errors.clear()
        for _ in range(COMMIT_TRIES):
            try:
                self._producer.commit_transaction(self._config.settings.kafka_timeout_s)
            except KafkaException as error:
                cause = kafka_error(error)
                if cause.retriable():
                    self.counts.commit_retries += 1
                    continue
                if not cause.txn_requires_abort():
                    raise translated(error, "commit") from error
                log.warning("transaction aborted", error=cause.str())
                self._attempt(self._producer.abort_transaction, "abort_transaction")
                return False
            if self._send_errors:
                # A committed transaction with a record missing would be a hole that nobody sees.
                text = f"committed without all records: {self._send_errors[0]}"
                raise SinkBrokenError(text)
            return True
        text = "commit_transaction: no answer, outcome unknown"
        raise SinkBrokenError(text)

    def _attempt(self, call: Callable[[], None], name: str) -> None:
        try:
            call()
        except KafkaException as error:
            raise translated(error, name) from error

    def _count(self, items: Sequence[Item]) -> None:
        self.counts.transactions += 1
        reports = 0
        for item in items:
            if isinstance(item, Trade):
                continue
            if isinstance(item, DeadLetter):
                reasons = self.counts.dead_by_reason
                name = item.reason.split(":")[0]
                reasons[name] = reasons.get(name, 0) + 1
                self.counts.dead_letters += 1
            elif not isinstance(item, TradeRecord):
                reports += 1
        self.counts.records += len(items) - reports
        self._committed += len(items)
        self._tell(self._make_room)

    # Back in the event loop

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)

    def _make_room(self) -> None:
        if self.uncommitted <= self._config.settings.queue_limit // 2:
            self._room.set()

    def _fail(self, error: ProducerError) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)
        self._room.set()


def _has_close(items: Sequence[Item]) -> bool:
    return any(isinstance(item, TradeRecord) and item.kind == "CLOSE" for item in items)


def encode_trade(trade: Trade, schema_id: int) -> bytes:
    """Return the wire bytes of a trade; its fields at once, since there are many trades."""
    return encode_fields(
        {
            "kind": "TRADE",
            "symbol": trade.symbol,
            "trade_id": trade.trade_id,
            "price": trade.price,
            "quantity": trade.quantity,
            "buyer_is_maker": trade.buyer_is_maker,
            "trade_time_ms": trade.trade_time_ms,
            "event_time_ms": trade.event_time_ms,
            "received_time_ms": trade.received_time_ms,
            "source": trade.source,
            "close": None,
            "gap": None,
            "time_fell": trade.time_fell,
        },
        schema_id,
    )
