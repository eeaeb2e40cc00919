"""How each symbol's feed is doing, as a message of the topic `feed`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import orjson

from conf.contracts.json_messages import decoded


class FeedState(StrEnum):
    """What a symbol's feed is doing; stable names."""

    STARTING = "starting"
    LIVE = "live"
    FILLING = "filling"
    SILENT = "silent"
    DISCONNECTED = "disconnected"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """State of one symbol's feed (grain: symbol; the newest message of a key counts).

    Times are UTC epoch ms of the exchange's clock; `lag_ms` is exchange time, too.

    Attributes:
        symbol: upper case.
        producer: shard of the producer that follows it, such as ``1/1``.
        state: what it is doing.
        updated_ms: when this was so.
        last_trade_id: last id published or covered by a GAP; None before the series begins.
        last_trade_time_ms: trade time of the last published trade.
        lag_ms: `updated_ms` − `last_trade_time_ms`.
        connected_since_ms: since when its stream has been open; None while it is not.
        held: trades that wait behind a hole.
    """

    symbol: str
    producer: str
    state: FeedState
    updated_ms: int
    last_trade_id: int | None = None
    last_trade_time_ms: int | None = None
    lag_ms: int | None = None
    connected_since_ms: int | None = None
    held: int = 0

    @property
    def key(self) -> bytes:
        """Kafka key: the symbol."""
        return self.symbol.encode()


def encode_feed_status(status: FeedStatus) -> bytes:
    """Return the JSON message of a feed status."""
    return orjson.dumps({name: getattr(status, name) for name in FeedStatus.__slots__})


def decode_feed_status(message: bytes) -> FeedStatus:
    """Return the feed status of a message; fields added later are ignored.

    Raises:
        ContractError: if it is no feed status.
    """
    return decoded(message, FeedStatus, "feed status", {"state": FeedState})
