"""What could not become a trade, as a message of the topic `trades.dead`. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import orjson

from producers.errors import BadMessage

MAX_RAW_BYTES = 512_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused message; `received_time_ms` is exchange time."""

    reason: str
    symbol: str | None
    raw: bytes
    received_time_ms: int

    @property
    def key(self) -> bytes | None:
        """Kafka key: the symbol, if it could be read."""
        return self.symbol.encode() if self.symbol else None

    def encode(self) -> bytes:
        """Return the JSON message; raw bytes as base64, cut where Kafka would refuse the record."""
        return orjson.dumps(
            {
                "reason": self.reason,
                "symbol": self.symbol,
                "raw": base64.b64encode(self.raw[:MAX_RAW_BYTES]).decode(),
                "received_time_ms": self.received_time_ms,
            }
        )


def dead_letter(error: BadMessage, raw: bytes, received_time_ms: int) -> DeadLetter:
    """Return the dead letter of a message that was refused; reason is ``code: detail``."""
    return DeadLetter(str(error), error.symbol, raw, received_time_ms)
