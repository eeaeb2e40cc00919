"""Final candles on the topic `candles`.

Guarantee: at least once, and after compaction by key exactly the newest revision of each hour: a
batch that comes again sends the same bytes under the same key. `send` returns only when the brokers have
acknowledged every message.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from conf.abort import AbortSwitch
from conf.contracts.candles import Candle, candle_key, encode_candle
from conf.settings import KafkaSettings
from streaming.errors import SinkError

# Below Spark's own patience; longer than a broker's restart.
DELIVERY_TIMEOUT_S = 30.0


class CandleTopic:
    """Sends candles to one topic and waits for every delivery report."""

    def __init__(self, kafka: KafkaSettings, topic: str, abort: AbortSwitch | None = None) -> None:
        """Open the producer; it connects in the background."""
        self._abort = abort or AbortSwitch(None)
        self._topic = topic
        self._producer = Producer(
            {
                **kafka.client_config(),
                "enable.idempotence": True,
                "linger.ms": 0,
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
            }
        )

    def send(self, candles: Sequence[Candle]) -> None:
        """Send candles in order and wait until all are acknowledged.

        Raises:
            SinkError: if one was not delivered in time.
        """
        failures: list[str] = []

        def report(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(f"{message.key()!r}: {error.str()}")

        try:
            for candle in candles:
                key = candle_key(candle.symbol, candle.open_time_ms)
                self._producer.produce(self._topic, encode_candle(candle), key, on_delivery=report)
                self._abort.at("produced")
            waiting = self._producer.flush(DELIVERY_TIMEOUT_S + 1)
        except (KafkaException, BufferError) as error:
            message = f"topic {self._topic}: {error}"
            raise SinkError(message) from error
        if failures or waiting:
            message = (
                f"topic {self._topic}: {len(failures) + waiting} of {len(candles)} candles "
                f"not delivered {failures[:1]}"
            )
            raise SinkError(message)
