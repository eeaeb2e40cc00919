"""What could not become a trade, as a message of the topic `trades.dead`. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import orjson

from conf.contracts.json_messages import decoded

MAX_RAW_BYTES = 512_000
_PLACE = ("topic", "partition", "offset")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused message.

    Attributes:
        reason: ``code: detail``.
        symbol: whose, if it could be read.
        raw: the bytes that were refused.
        received_time_ms: exchange time of the receipt, UTC epoch ms.
        topic: where the refused record stands; None for what never came into a topic.
        partition: its partition there.
        offset: its offset there. With `topic` and `partition` it tells repeated messages.
    """

    reason: str
    symbol: str | None
    raw: bytes
    received_time_ms: int
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None

    @property
    def key(self) -> bytes | None:
        """Kafka key: the symbol, if it could be read."""
        return self.symbol.encode() if self.symbol else None

    def encode(self) -> bytes:
        """Return the JSON message; raw bytes as base64, cut where Kafka would refuse the record."""
        fields = {name: getattr(self, name) for name in DeadLetter.__slots__}
        fields["raw"] = base64.b64encode(self.raw[:MAX_RAW_BYTES]).decode()
        return orjson.dumps(fields)


def decode_dead_letter(message: bytes) -> DeadLetter:
    """Return the dead letter of a message; fields added later are ignored, the place may be absent.

    Raises:
        ContractError: if it is none.
    """
    absent = dict.fromkeys(_PLACE)
    return decoded(message, DeadLetter, "dead letter", {"raw": base64.b64decode}, absent)
