"""Writes records to the topic `trades` the way a producer does: in transactions."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Producer

from conf.contracts.trades import TradeRecord, encode
from conf.names import Namespace
from conf.settings import KafkaSettings


class TradeWriter:
    """One transactional writer; several may write side by side, each with a shard of its own."""

    def __init__(self, kafka: KafkaSettings, namespace: Namespace, shard: str = "1/1") -> None:
        self._schema_id = kafka.trades_schema_id
        self._topic = namespace.trades_topic
        self._producer = Producer(
            {
                **kafka.client_config(),
                "transactional.id": namespace.transactional_id(shard),
                "partitioner": "murmur2_random",
                "linger.ms": 0,
            }
        )
        self._producer.init_transactions(30)

    def begin(self, records: Iterable[TradeRecord], raw: Iterable[bytes] = ()) -> None:
        """Send records in a transaction that stays open; they are on the broker on return."""
        self._producer.begin_transaction()
        for record in records:
            value = encode(record, self._schema_id)
            self._producer.produce(self._topic, value, record.symbol.encode())
        for value in raw:
            self._producer.produce(self._topic, value, b"GARBAGE")
        assert self._producer.flush(20) == 0

    def commit(self) -> None:
        """Commit the open transaction."""
        self._producer.commit_transaction(20)

    def abort(self) -> None:
        """Abort the open transaction."""
        self._producer.abort_transaction(20)

    def write(self, records: Iterable[TradeRecord], raw: Iterable[bytes] = ()) -> None:
        """Send records in a transaction of their own."""
        self.begin(records, raw)
        self.commit()
