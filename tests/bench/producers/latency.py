"""How long a trade takes from the exchange's sending to a read_committed reader, and a burst."""

from __future__ import annotations

import threading
import time
import uuid
from array import array

import httpx
from confluent_kafka import Consumer, TopicPartition

from conf.connections.exchange_clock import ExchangeClock
from conf.contracts.trades import decode
from nexthour.latency import percentile
from tests.bench.producers.report import Burst, LatencyResult
from tests.bench.producers.world import HOUR_S, SPEED, World
from tests.support.eventually import eventually

WARM_S = 10.0
BURST = 10_000


class Reader(threading.Thread):
    """Reads the topic as a consumer would; notes each trade's age and that no id is missing.

    Attributes:
        ages_ms: wall ms from the event time to the moment of reading, by second of reading.
        problems: one line for each break of a series.
        seen: highest id read, by symbol.
    """

    def __init__(self, world: World) -> None:
        super().__init__(name="bench-reader", daemon=True)
        self.ages_ms = array("d")
        self.read_s = array("d")
        self.problems: list[str] = []
        self.seen: dict[str, int] = {}
        self.count = 0
        self._world = world
        self._is_over = threading.Event()
        with httpx.Client() as client:
            clock = ExchangeClock.sync(client, world.exchange.rest_url, SPEED)
        self._server_ms, self._synced_s = clock.server_ms, clock.synced_at_s
        self._consumer = Consumer(
            world.kafka.client_config()
            | {
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
                "fetch.queue.backoff.ms": 5,
            }
        )
        topic = world.namespace.trades_topic
        partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in partitions])

    def run(self) -> None:
        """Read until `close`."""
        while not self._is_over.is_set():
            for message in self._consumer.consume(1_000, timeout=0.02):
                if message.error() is None:
                    self._note(message.value())
        self._consumer.close()

    def close(self) -> None:
        """Stop reading."""
        self._is_over.set()
        self.join()

    def _note(self, value: bytes) -> None:
        record = decode(value, self._world.kafka.trades_schema_id)
        if record.trade_id is None:
            return
        before = self.seen.get(record.symbol)
        if before is not None and record.trade_id != before + 1:
            self.problems.append(f"{record.symbol}: {record.trade_id} after {before}")
        self.seen[record.symbol] = record.trade_id
        self.count += 1
        if record.event_time_ms is not None:
            now_s = time.monotonic()
            sent_s = self._synced_s + (record.event_time_ms - self._server_ms) / 1000 / SPEED
            self.ages_ms.append((now_s - sent_s) * 1000)
            self.read_s.append(now_s)


def measure_latency(world: World, seconds: float) -> tuple[LatencyResult, Burst, list[str]]:
    """Measure at the exchange's rate, then a burst; return both and what was wrong with the series."""
    eventually(world.producer.is_healthy, 90, message="the producer is connected")
    world.exchange.post("/clock/start")
    reader = Reader(world)
    reader.start()
    try:
        time.sleep(WARM_S)
        first, begun_s = len(reader.ages_ms), time.monotonic()
        time.sleep(seconds)
        steady = reader.ages_ms[first:]
        result = LatencyResult(
            trades=len(steady),
            per_s=round(len(steady) / (time.monotonic() - begun_s)),
            p50_ms=round(percentile(steady, 0.5), 1),
            p95_ms=round(percentile(steady, 0.95), 1),
            p99_ms=round(percentile(steady, 0.99), 1),
            max_ms=round(max(steady), 1),
        )
        burst = _measure_burst(world, reader)
    finally:
        reader.close()
    return result, burst, reader.problems


def _measure_burst(world: World, reader: Reader) -> Burst:
    world.exchange.post("/faults", {"kind": "burst", "symbol": "BTCUSDT", "count": BURST})
    first = len(reader.ages_ms)
    begun_s = time.monotonic()
    last_id = reader.seen["BTCUSDT"]
    # The burst is in the next hour that is not made yet, at most two hours away.
    time.sleep(4 * HOUR_S)
    ages, read = reader.ages_ms[first:], reader.read_s[first:]
    per_second: dict[int, int] = {}
    for at_s in read:
        per_second[int(at_s - begun_s)] = per_second.get(int(at_s - begun_s), 0) + 1
    return Burst(
        trades=BURST,
        most_in_a_second=max(per_second.values()),
        slowest_ms=round(max(ages), 1),
        read_of_symbol=reader.seen["BTCUSDT"] - last_id,
        missing=len(reader.problems),
    )
