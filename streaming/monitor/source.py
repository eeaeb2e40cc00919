"""Reads the topics `incidents` and `feed` from given positions, committed messages only."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from conf.names import Namespace
from conf.settings import KafkaSettings
from streaming.monitor.errors import KafkaAwayError
from streaming.monitor.messages import Message, Partition

TIMEOUT_S = 4.0
# What is fetched and waits for Postgres; a few thousand messages.
QUEUED_KBYTES = 4096


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading a partition begins.

    Attributes:
        offset: first message to read.
        lost: messages that aged out before they were read.
        is_other_topic: what was read before lies beyond this topic's end, so it is another one.
    """

    offset: int
    lost: int = 0
    is_other_topic: bool = False


def start_of(known: int | None, low: int, high: int) -> Start:
    """Return where to begin. Pure.

    Args:
        known: the offset after the last message stored; None if none was.
        low: first offset that the partition still holds.
        high: offset after its last committed message.
    """
    if known is None:
        return Start(low)
    if known > high:
        return Start(low, is_other_topic=True)
    return Start(max(known, low), lost=max(0, low - known))


class TopicSource:
    """A reader without a consumer group: positions are the caller's. For one thread."""

    def __init__(self, kafka: KafkaSettings, namespace: Namespace) -> None:
        """Make the client; it connects in the background.

        Raises:
            KafkaAwayError: if the client does not take the settings.
        """
        self._servers = kafka.bootstrap_servers
        self._topics = (namespace.incidents_topic, namespace.feed_topic)
        self._is_cut_off = threading.Event()
        self._reason = ""
        options = {
            **kafka.client_config(),
            "group.id": f"{namespace.name}.monitor",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": QUEUED_KBYTES,
            "error_cb": self._on_error,
            # The client's own log says every second what the monitor says once.
            "log_level": 0,
        }
        try:
            self._consumer = Consumer(options)
        except KafkaException as error:
            message = (
                f"the Kafka client refuses its settings ({error.args[0].str()}): "
                "correct NEXTHOUR_KAFKA_…"
            )
            raise KafkaAwayError(message) from error

    def begin(self, known: Mapping[Partition, int]) -> dict[Partition, Start]:
        """Begin to read after what is known; return where each partition begins.

        Raises:
            KafkaAwayError: if the brokers do not answer or a topic is missing.
        """
        try:
            starts = {
                partition: start_of(known.get(partition), *self._bounds(partition))
                for topic in self._topics
                for partition in self._partitions(topic)
            }
            self._consumer.assign(
                [TopicPartition(*partition, start.offset) for partition, start in starts.items()]
            )
        except KafkaException as error:
            raise self._away(error) from error
        return starts

    def read(self, count: int, wait_s: float) -> list[Message]:
        """Return up to so many messages, in order per partition; fewer only after `wait_s`.

        Raises:
            KafkaAwayError: if no broker can be reached or one refuses.
        """
        try:
            found = self._consumer.consume(count, wait_s)
        except KafkaException as error:
            raise self._away(error) from error
        failed = next((error for error in (m.error() for m in found) if error is not None), None)
        if failed is not None:
            raise self._away(KafkaException(failed))
        if not found and self._is_cut_off.is_set():
            message = f"Kafka at {self._servers} does not answer: is it started?"
            raise KafkaAwayError(message)
        self._is_cut_off.clear()
        return [_message(message) for message in found]

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def _partitions(self, topic: str) -> list[Partition]:
        listed = self._consumer.list_topics(topic, timeout=TIMEOUT_S).topics.get(topic)
        if listed is None or listed.error is not None or not listed.partitions:
            message = (
                f"Kafka at {self._servers} has no topic {topic}: "
                "run `python -m nexthour.prepare` first"
            )
            raise KafkaAwayError(message)
        return [(topic, number) for number in sorted(listed.partitions)]

    def _bounds(self, partition: Partition) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), TIMEOUT_S)
        return low, high

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - it has no public name
            self._is_cut_off.set()
        else:
            self._reason = error.str()

    def _away(self, error: KafkaException) -> KafkaAwayError:
        # A call that no broker answers says only that; the reason is told by a callback, now.
        self._consumer.poll(0)
        return KafkaAwayError(
            f"Kafka at {self._servers} does not answer ({self._reason or error.args[0].str()}): "
            "is it started, and are the NEXTHOUR_KAFKA_… settings right?"
        )


def _message(message: KafkaMessage) -> Message:
    _, time_ms = message.timestamp()
    return Message(
        message.topic(), message.partition(), message.offset(), max(0, time_ms), message.value()
    )
