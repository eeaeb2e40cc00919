"""What each step costs per trade, one after the other in one thread: what limits the rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import orjson
from confluent_kafka import Producer

from conf.names import HOUR_MS
from producers.kafka_sink import encode_trade
from producers.messages import Limits, Parser, Trade
from producers.questions import Policy, Start
from producers.sequence import Sequencer
from tests.bench.producers.world import World

COUNT = 100_000
ROUNDS = 3
START_MS = 490_000 * HOUR_MS
RECEIVED_MS = START_MS + HOUR_MS


def messages(count: int) -> list[bytes]:
    """Return trade messages of one symbol, as the combined stream has them."""
    return [
        (
            f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{START_MS + i},"s":"BTCUSDT",'
            f'"t":{i},"p":"93576.12000000","q":"0.01230000","T":{START_MS + i},"m":true,"M":true}}}}'
        ).encode()
        for i in range(1, count + 1)
    ]


def measure_stages(world: World) -> dict[str, float]:
    """Return microseconds per trade of each step, best of some rounds."""
    raw = messages(COUNT)
    parser = Parser(Limits(5_000, Decimal("1e16")))
    trades = [_trade(parser, one) for one in raw]
    encoded = [encode_trade(trade, 1) for trade in trades]
    return {
        "orjson.loads": _each(orjson.loads, raw),
        "parse and check (orjson included)": _each(lambda one: _trade(parser, one), raw),
        "sequence": _best(lambda: _sequence(trades)),
        "Avro": _each(lambda trade: encode_trade(trade, 1), trades),
        "produce (librdkafka's queue)": _best(lambda: _produce(world, encoded)),
    }


def _trade(parser: Parser, raw: bytes) -> Trade:
    message = parser.stream_message(raw, RECEIVED_MS)
    assert isinstance(message, Trade)
    return message


def _sequence(trades: Sequence[Trade]) -> None:
    sequencer = Sequencer("BTCUSDT", Policy(), Start(0, START_MS, START_MS, 1))
    for trade in trades:
        sequencer.on_trade(trade)


def _produce(world: World, encoded: Sequence[bytes]) -> None:
    options = world.kafka.client_config() | {
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 5,
        "queue.buffering.max.messages": 2 * COUNT,
        "delivery.report.only.error": True,
    }
    producer = Producer(options)
    headers = [("venue", b"binance-spot"), ("writer", b"bench.producer.1-of-1")]
    topic = world.namespace.dead_topic
    for value in encoded:
        producer.produce(topic, value, b"BTCUSDT", headers=headers, on_delivery=_nothing)
    producer.purge()
    producer.flush(10)


def _nothing(_error: object, _message: object) -> None:
    """Take the report of a failure; the measurement is of the hand-over alone."""


def _each(
    step: Callable[[bytes], object] | Callable[[Trade], object], over: Iterable[object]
) -> float:
    items = list(over)
    return _best(lambda: [step(item) for item in items])  # type: ignore[arg-type] # one of the two


def _best(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        begun_s = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun_s)
    return round(min(seconds) / COUNT * 1e6, 2)
