"""Follows topics from their beginning in the background, over restarts of the broker."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from types import TracebackType

from confluent_kafka import Consumer, TopicPartition

from conf.settings import KafkaSettings

POLL_S = 0.1
QUIET = logging.getLogger("tests.chaos.kafka")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


class Listener:
    """Hands each committed message of the topics to `take`. Use as a context manager.

    Every topic must have one partition, 0, and exist already.
    """

    def __init__(
        self, kafka: KafkaSettings, topics: list[str], take: Callable[[str, bytes], None]
    ) -> None:
        self._consumer = Consumer(
            kafka.client_config()
            | {
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "reconnect.backoff.max.ms": 500,
            },
            logger=QUIET,
        )
        self._consumer.assign([TopicPartition(topic, 0, 0) for topic in topics])
        self._take = take
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-listener", daemon=True)

    def _run(self) -> None:
        while not self._is_over.is_set():
            for message in self._consumer.consume(500, timeout=POLL_S):
                if message.error() is None:  # anything else is the broker being away
                    self._take(message.topic(), message.value())

    def __enter__(self) -> Listener:
        """Start following."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop following."""
        self._is_over.set()
        self._thread.join()
        self._consumer.close()
