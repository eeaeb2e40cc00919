"""Final candles on the topic `candles`.

Guarantee: at least once, and after compaction by key exactly the newest revision of each hour: a
batch that comes again sends the same bytes under the same key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conf.abort import AbortSwitch
from conf.contracts.candles import Candle, candle_key, encode_candle
from conf.settings import KafkaSettings
from streaming.acknowledged import AcknowledgedTopic


class CandleTopic:
    """Sends candles to one topic."""

    def __init__(self, kafka: KafkaSettings, topic: str, abort: AbortSwitch | None = None) -> None:
        """Open the producer; it connects in the background."""
        self._abort = abort or AbortSwitch(None)
        self._topic = AcknowledgedTopic(kafka, topic, {"linger.ms": 0})

    def send(self, candles: Sequence[Candle]) -> None:
        """Send candles in order and wait until all are acknowledged.

        Raises:
            SinkError: if one was not delivered in time.
        """
        self._topic.send(self._messages(candles))

    def _messages(self, candles: Sequence[Candle]) -> Iterator[tuple[bytes, bytes]]:
        for candle in candles:
            yield candle_key(candle.symbol, candle.open_time_ms), encode_candle(candle)
            self._abort.at("produced")
