"""The end of the topic `trades`, per symbol: from where a producer goes on after a restart.

Reads with `read_committed`, after `init_transactions` has ended whatever an older instance left open.
Guarantee: all records that were committed before the call are seen. Reads backwards in growing steps
and only partitions that hold the asked symbols, so a restart reads a few thousand records; a symbol
that was never published costs a pass over its partition. Records without the producers' header
`venue` are a stranger's and passed over.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from conf.contracts.errors import ContractError
from conf.contracts.trades import NEVER_EXISTED, Close, TradeRecord, decode, writer_schemas
from conf.names import hour_open_ms
from conf.settings import KafkaSettings
from producers.errors import SinkBrokenError, StartupError
from producers.kafka_errors import CLIENT_LOG, kafka_error, translated
from producers.kafka_producer import VENUE_HEADER, WRITER_HEADER
from producers.partitioner import partition_of

FIRST_STEP = 2_000
STEP_GROWTH = 4
# A dead producer of another shard can hold its transaction open for so long.
WAIT_S = 30.0
REQUEST_S = 10.0
# A topic is listed a moment before its partitions answer.
NO_LEADER = frozenset(
    (
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    )
)


@dataclass(slots=True)
class Tail:
    """What the topic says of one symbol; None where it has no such record.

    Attributes:
        first_id: lowest trade id that was seen; the series' first one if `last_close` is None.
        first_time_ms: its trade time.
        last_id: highest id of a TRADE or GAP.
        last_time_ms: trade time of the last TRADE.
        last_close: the newest CLOSE.
        last_close_id: the last id of the newest CLOSE of an hour with trades.
        absent: hour of each id range that never existed, of the hours after `last_close` at least.
        writer: transactional id of the producer that wrote the newest record, where it said so.
    """

    first_id: int | None = None
    first_time_ms: int | None = None
    last_id: int | None = None
    last_time_ms: int | None = None
    last_close: Close | None = None
    last_close_id: int | None = None
    writer: str | None = None
    absent: dict[tuple[int, int], int] = field(default_factory=dict)

    def is_complete(self) -> bool:
        """Tell whether earlier records can add nothing."""
        return self.last_id is not None and self.last_close_id is not None


def fold_backwards(tail: Tail, step: Iterable[TradeRecord]) -> None:
    """Add one symbol's records that lie before all those seen so far, in their order. Pure."""
    earlier, step = Tail(), list(step)
    tail.absent = {**_absent(step, tail.first_time_ms), **tail.absent}
    for record in step:
        if record.kind == "CLOSE" and record.close is not None:
            earlier.last_close = record.close
            if record.close.trades:
                earlier.last_close_id = record.close.last_trade_id
        elif record.kind == "GAP" and record.gap is not None:
            earlier.last_id = max(record.gap.last_id, earlier.last_id or 0)
        elif record.trade_id is not None:
            if earlier.first_id is None:
                earlier.first_id, earlier.first_time_ms = record.trade_id, record.trade_time_ms
            earlier.last_id, earlier.last_time_ms = record.trade_id, record.trade_time_ms
    if earlier.first_id is not None:
        tail.first_id, tail.first_time_ms = earlier.first_id, earlier.first_time_ms
    for name in ("last_id", "last_time_ms", "last_close", "last_close_id"):
        if getattr(tail, name) is None:
            setattr(tail, name, getattr(earlier, name))


def _absent(
    records: Sequence[TradeRecord], time_after_ms: int | None
) -> dict[tuple[int, int], int]:
    """Return ids that never existed, with the hour of the trade that follows them."""
    found: dict[tuple[int, int], int] = {}
    following_ms = time_after_ms
    for record in reversed(records):
        if record.trade_id is not None:
            following_ms = record.trade_time_ms
        elif record.gap is not None and record.gap.reason.startswith(NEVER_EXISTED):
            hour = hour_open_ms(following_ms or record.trade_time_ms)
            found[record.gap.first_id, record.gap.last_id] = hour
    return found


class TailReader:
    """Reads tails of one topic. Use as a context manager; blocks, so call it from a thread."""

    def __init__(self, kafka: KafkaSettings, topic: str, venue: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._venue = venue.encode()
        self._writers = writer_schemas(kafka.trades_writer_schemas)
        self._admin = AdminClient(kafka.client_config(), logger=CLIENT_LOG)
        self._consumer = Consumer(
            kafka.client_config()
            | {
                "group.id": f"{topic}.tail",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
            },
            logger=CLIENT_LOG,
        )

    def __enter__(self) -> TailReader:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._consumer.close()

    def read(self, symbols: Sequence[str]) -> dict[str, Tail]:
        """Return the tail of each symbol.

        Raises:
            StartupError: if the topic holds another venue's records, or ones that do not decode.
            SinkBrokenError: if the brokers do not answer.
        """
        tails = {symbol: Tail() for symbol in symbols}
        count = self._kafka.trades_partitions
        wanted: dict[int, list[str]] = {}
        for symbol in symbols:
            wanted.setdefault(partition_of(symbol, count), []).append(symbol)
        try:
            starts = self._offsets(wanted, OffsetSpec.earliest())
            ends = self._offsets(wanted, OffsetSpec.latest())
            for partition, its_symbols in wanted.items():
                mine = {symbol: tails[symbol] for symbol in its_symbols}
                self._read_partition(partition, starts[partition], ends[partition], mine)
        except KafkaException as error:
            raise translated(error, "reading the topic's tail") from error
        return tails

    def _offsets(self, partitions: Iterable[int], spec: OffsetSpec) -> dict[int, int]:
        # Uncommitted: the end must lie behind other shards' open transactions, which may have
        # committed records of ours in front of them.
        asked = {TopicPartition(self._topic, partition): spec for partition in partitions}
        retrying = Retrying(
            retry=retry_if_exception(_has_no_leader_yet),
            stop=stop_after_delay(WAIT_S),
            wait=wait_fixed(0.1),
            reraise=True,
        )
        for attempt in retrying:
            with attempt:
                futures = self._admin.list_offsets(
                    asked,
                    isolation_level=IsolationLevel.READ_UNCOMMITTED,
                    request_timeout=REQUEST_S,
                )
                return {tp.partition: future.result().offset for tp, future in futures.items()}
        raise AssertionError

    def _read_partition(
        self, partition: int, start: int, end: int, tails: Mapping[str, Tail]
    ) -> None:
        high, step = end, FIRST_STEP
        while high > start and not all(tail.is_complete() for tail in tails.values()):
            low = max(start, high - step)
            by_symbol: dict[str, list[TradeRecord]] = {symbol: [] for symbol in tails}
            writers: dict[str, str] = {}
            for record, writer in self._records(partition, low, high, by_symbol.keys()):
                by_symbol[record.symbol].append(record)
                writers[record.symbol] = writer
            for symbol, records in by_symbol.items():
                fold_backwards(tails[symbol], records)
                tails[symbol].writer = tails[symbol].writer or writers.get(symbol)
            high, step = low, step * STEP_GROWTH

    def _records(
        self, partition: int, low: int, high: int, symbols: Iterable[str]
    ) -> Iterator[tuple[TradeRecord, str]]:
        """Yield the committed records of the symbols in offsets [low, high), and who wrote each."""
        keys = {symbol.encode() for symbol in symbols}
        self._consumer.assign([TopicPartition(self._topic, partition, low)])
        give_up_s = time.monotonic() + WAIT_S
        while time.monotonic() < give_up_s:
            for message in self._consumer.consume(5_000, timeout=0.2):
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - no public name
                    raise KafkaException(error)
                # The end of what is committed can lie before `high`, while another shard's
                # transaction is open; then the next end is waited for.
                if message.offset() >= high:
                    return
                if error is not None:
                    continue
                give_up_s = time.monotonic() + WAIT_S
                if message.key() in keys:
                    headers = dict(message.headers() or [])
                    # Without a venue it is a stranger's, whatever it says: no part of the series, and
                    # no reason to keep the series from going on.
                    if VENUE_HEADER in headers:
                        yield self._decoded(message, headers)
        text = f"the tail of {self._topic}-{partition} could not be read to its end"
        raise SinkBrokenError(text)

    def _decoded(self, message: object, headers: dict[str, bytes]) -> tuple[TradeRecord, str]:
        if headers[VENUE_HEADER] != self._venue:
            found = headers[VENUE_HEADER].decode(errors="replace")
            text = (
                f"topic {self._topic} holds trades of {found}, not of {self._venue.decode()}: "
                "use another NEXTHOUR_NAMESPACE"
            )
            raise StartupError(text)
        writer = (headers.get(WRITER_HEADER) or b"").decode(errors="replace")
        try:
            record = decode(message.value(), self._kafka.trades_schema_id, self._writers)  # type: ignore[attr-defined] # untyped client
        except ContractError as error:
            text = f"topic {self._topic} holds a record that does not decode: {error}"
            raise StartupError(text) from error
        return record, writer


def _has_no_leader_yet(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and kafka_error(error).code() in NO_LEADER
