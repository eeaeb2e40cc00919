"""What strangers write straight into the topic `trades`: records that are none, copies of trades."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from confluent_kafka import Producer

from conf.contracts.trades import TradeRecord, encode, scaled
from conf.names import HOUR_MS, hour_open_ms
from streaming.reconcile.compare import Key
from streaming.trades.predicate import FUTURE, MALFORMED, TOO_OLD, UNKNOWN_SCHEMA
from tests.support.bundle import Bundle

YEAR_MS, MONTH_MS = 365 * 24 * HOUR_MS, 30 * 24 * HOUR_MS
TIMEOUT_S = 30.0
STRANGE_ID = 77
Message = tuple[bytes, bytes | None]


class Stranger:
    """A second writer with a transactional id of its own: nothing fences it.

    Args:
        settings: whose topic.
    """

    def __init__(self, settings: Bundle) -> None:
        self._topic = settings.namespace.trades_topic
        self._schema_id = settings.kafka.trades_schema_id
        self._producer = Producer(
            {
                **settings.kafka.client_config(),
                "transactional.id": "a-stranger",
                "partitioner": "murmur2_random",
                "linger.ms": 0,
            }
        )
        self._producer.init_transactions(TIMEOUT_S)

    def write(self, messages: Sequence[Message]) -> None:
        """Write (key, value) pairs in one transaction.

        Raises:
            KafkaException: if the broker does not take it.
        """
        self._producer.begin_transaction()
        for key, value in messages:
            self._producer.produce(self._topic, value, key)
        self._producer.commit_transaction(TIMEOUT_S)

    def encoded(self, records: Sequence[TradeRecord]) -> list[Message]:
        """Return records as the topic's messages."""
        return [(record.symbol.encode(), encode(record, self._schema_id)) for record in records]


def bad_messages(
    symbols: Sequence[str], now_ms: int, schema_id: int
) -> tuple[list[Message], Counter[str]]:
    """Return messages that must not enter any candle, and how many of each reason there are.

    Args:
        symbols: whose keys and names they carry; nothing of it may show in their hours.
        now_ms: the exchange's time, UTC epoch ms.
        schema_id: of the current schema.
    """
    messages: list[Message] = []
    reasons: Counter[str] = Counter()

    def add(symbol: str, value: bytes | None, reason: str) -> None:
        messages.append((symbol.encode(), value))
        reasons[reason] += 1

    for symbol in symbols:
        good = TradeRecord(
            "TRADE", symbol, now_ms, now_ms, "STREAM", 900_000_000, scaled("1"), scaled("1"), False
        )
        future = replace(good, trade_time_ms=now_ms + YEAR_MS)
        old = replace(good, trade_time_ms=now_ms - MONTH_MS)
        huge = replace(good, price=scaled("90000000000"), quantity=scaled("90000000000"))
        add(symbol, b"\xff" + os.urandom(63), MALFORMED)
        add(symbol, b"", MALFORMED)
        add(symbol, None, MALFORMED)
        add(symbol, encode(good, STRANGE_ID), UNKNOWN_SCHEMA)
        add(symbol, encode(good, schema_id)[:-3], MALFORMED)
        add(symbol, encode(replace(good, price=-1), schema_id), MALFORMED)
        add(symbol, encode(replace(good, trade_id=None), schema_id), MALFORMED)
        add(symbol, encode(huge, schema_id), MALFORMED)
        add(symbol, encode(future, schema_id), FUTURE)
        add(symbol, encode(old, schema_id), TOO_OLD)
    return messages, reasons


def copies(symbol: str, trades: Sequence[dict[str, Any]], now_ms: int) -> list[TradeRecord]:
    """Return records of trades that the exchange's book has, as another writer would make them."""
    return [
        TradeRecord(
            kind="TRADE",
            symbol=symbol,
            trade_time_ms=int(row["time"]),
            received_time_ms=max(now_ms, int(row["time"])),
            source="STREAM",
            trade_id=int(row["id"]),
            price=scaled(row["price"]),
            quantity=scaled(row["qty"]),
            buyer_is_maker=bool(row["isBuyerMaker"]),
            event_time_ms=int(row["time"]),
        )
        for row in trades
    ]


def hours_of(records: Sequence[TradeRecord]) -> set[Key]:
    """Return symbol and hour of each record."""
    return {(record.symbol, hour_open_ms(record.trade_time_ms)) for record in records}
