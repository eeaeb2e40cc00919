"""The final candle: the one value that Parquet, Postgres and the topic `candles` all hold. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

import orjson

from conf.contracts.json_messages import decimal_or_none, decoded

Verdict = Literal["complete", "quiet", "partial", "disputed"]

DECIMAL_FIELDS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "taker_buy_volume",
    "taker_buy_quote_volume",
)


@dataclass(frozen=True, slots=True)
class Candle:
    """One final hour of one symbol (grain: symbol, open time, revision).

    Prices and volumes are exact decimals in quote and base units; `first_trade_id` and
    `last_trade_id` are None in an hour without trades. `open_time_ms` is UTC epoch ms.
    """

    symbol: str
    open_time_ms: int
    revision: int
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal
    quote_volume: Decimal
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal
    trades: int
    first_trade_id: int | None
    last_trade_id: int | None
    verdict: Verdict
    reason: str | None
    witness: str
    source: str = "trades"

    def same_content(self, other: Candle) -> bool:
        """Tell whether both say the same of the hour, whatever their revision."""
        return replace(self, revision=0) == replace(other, revision=0)


def decimal_text(value: Decimal) -> str:
    """Return a decimal in plain notation without trailing zeros: '61685.99', '0', '0.00000001'."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def candle_key(symbol: str, open_time_ms: int) -> bytes:
    """Return the Kafka key of a candle or forecast."""
    return f"{symbol}|{open_time_ms}".encode()


def encode_candle(candle: Candle) -> bytes:
    """Return the JSON message of a candle; equal candles give equal bytes."""
    fields: dict[str, Any] = {name: getattr(candle, name) for name in Candle.__slots__}
    for name in DECIMAL_FIELDS:
        fields[name] = None if fields[name] is None else decimal_text(fields[name])
    return orjson.dumps(fields)


def decode_candle(message: bytes) -> Candle:
    """Return the candle of a JSON message.

    Raises:
        ContractError: if the message is no candle.
    """
    convert = dict.fromkeys(DECIMAL_FIELDS, decimal_or_none)
    return decoded(message, Candle, "candle", convert)
