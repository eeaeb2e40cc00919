"""A topic to which a sink writes messages and waits until the brokers have every one of them.

Guarantee: at least once. `send` returns when all of its messages are acknowledged; when it raises, any of them
may be there, and none comes later.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from conf.settings import KafkaSettings
from streaming.errors import SinkError

# Below Spark's own patience; longer than a broker's restart. What lasts longer stops the query, and the
# batch comes again.
DELIVERY_TIMEOUT_S = 30.0
FULL_WAIT_S = 0.1


class AcknowledgedTopic:
    """Messages with a key into one topic, partitioned as Java's clients do it. Not thread-safe."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        options: Mapping[str, str | int] | None = None,
        timeout_s: float = DELIVERY_TIMEOUT_S,
    ) -> None:
        """Open the producer; it connects in the background.

        Args:
            kafka: where the topic is.
            topic: its name.
            options: more options of librdkafka.
            timeout_s: how long a delivery may take, wall seconds.
        """
        self._topic = topic
        self._timeout_s = timeout_s
        self._failures: list[str] = []
        self._delivered = 0
        self._producer = Producer(
            {
                **kafka.client_config(),
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": int(timeout_s * 1000),
                **(options or {}),
            }
        )

    def send(self, messages: Iterable[tuple[bytes | None, bytes]]) -> int:
        """Send (key, value) in order and wait; return how many were acknowledged, which is all.

        Raises:
            SinkError: if one was not delivered in time.
        """
        self._failures, self._delivered = [], 0
        try:
            for key, value in messages:
                self._produce(key, value)
            waiting = self._producer.flush(self._timeout_s + 1)
        except (KafkaException, BufferError) as error:
            self.drop()
            message = f"topic {self._topic}: {error}"
            raise SinkError(message) from error
        if self._failures or waiting:
            self.drop()
            message = (
                f"topic {self._topic}: {len(self._failures) + waiting} messages not delivered "
                f"{self._failures[:1]}"
            )
            raise SinkError(message)
        return self._delivered

    def drop(self) -> None:
        """Forget what was not delivered: an interrupted batch sends it again."""
        self._producer.purge()
        self._producer.flush(1)

    def _produce(self, key: bytes | None, value: bytes) -> None:
        give_up_s = time.monotonic() + self._timeout_s
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=self._report)
            except BufferError:  # full: wait for the brokers
                if time.monotonic() > give_up_s:
                    raise
                self._producer.poll(FULL_WAIT_S)
            else:
                self._producer.poll(0)
                return

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._delivered += 1
        else:
            self._failures.append(f"{message.key()!r}: {error.str()}")
