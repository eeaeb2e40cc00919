"""Fills a topic: ``python -m tests.bench.candles.fill JSON-of-a-Filling``, one process a core.

The records are those of a producer that catches up: keyed, with its two headers, in transactions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Literal

import orjson
from confluent_kafka import Producer

from conf.contracts.trades import encode
from conf.settings import DEFAULT_SYMBOLS, KafkaSettings
from tests.bench.candles.encoding import avro_trades, json_close, json_trades
from tests.bench.candles.market import SymbolHour, SymbolMarket, closing

Form = Literal["avro", "json"]

PER_TRANSACTION = 20_000
TURN = 50
"""So many trades of one symbol follow each other."""

HEADERS = [("venue", b"binance-spot"), ("writer", b"bench.producer.1-of-1")]


@dataclass(frozen=True)
class Filling:
    """What one process writes.

    Attributes:
        topic: exists already.
        symbols: this process's own.
        hours: how many hours of each.
        per_hour: trades of each symbol in an hour.
        first_number: number of the first symbol, which decides its prices.
    """

    bootstrap_servers: str
    topic: str
    form: Form
    schema_id: int
    symbols: tuple[str, ...]
    first_number: int
    hours: int
    per_hour: int
    seed: int

    def to_json(self) -> str:
        """Return the argument of the process."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Filling:
        """Read that argument."""
        fields = orjson.loads(text)
        return cls(**fields | {"symbols": tuple(fields["symbols"])})


def symbols_of(count: int) -> tuple[str, ...]:
    """Return so many symbols, the usual ones first."""
    return (*DEFAULT_SYMBOLS, *(f"X{number:03d}USDT" for number in range(10, count)))[:count]


def fill(filling: Filling) -> None:
    """Write all hours and commit them."""
    kafka = KafkaSettings(bootstrap_servers=filling.bootstrap_servers)
    producer = Producer(
        kafka.client_config()
        | {
            "transactional.id": f"{filling.topic}.{filling.first_number}",
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 5,
            "queue.buffering.max.messages": 2 * PER_TRANSACTION,
            "delivery.report.only.error": True,
        }
    )
    producer.init_transactions(60)
    messages = _messages(filling)
    while chunk := list(islice(messages, PER_TRANSACTION)):
        producer.begin_transaction()
        for key, value in chunk:
            producer.produce(filling.topic, value, key, headers=HEADERS)
        producer.commit_transaction(60)


def _messages(filling: Filling) -> Iterator[tuple[bytes, bytes]]:
    markets = [
        SymbolMarket(symbol, filling.first_number + place, filling.seed, filling.per_hour)
        for place, symbol in enumerate(filling.symbols)
    ]
    for _ in range(filling.hours):
        hours = [market.next_hour() for market in markets]
        series = [_hour(filling, hour) for hour in hours]
        keys = [hour.symbol.encode() for hour in hours]
        for _ in range(0, filling.per_hour, TURN):
            for key, values in zip(keys, series, strict=True):
                for value in islice(values, TURN):
                    yield key, value
        for key, hour in zip(keys, hours, strict=True):
            close = closing(hour)
            yield (
                key,
                encode(close, filling.schema_id) if filling.form == "avro" else json_close(close),
            )


def _hour(filling: Filling, hour: SymbolHour) -> Iterator[bytes]:
    step = 20_000
    for begin in range(0, filling.per_hour, step):
        end = min(begin + step, filling.per_hour)
        if filling.form == "avro":
            yield from avro_trades(hour, filling.schema_id, begin, end)
        else:
            yield from json_trades(hour, begin, end)


if __name__ == "__main__":
    fill(Filling.from_json(sys.argv[1]))
