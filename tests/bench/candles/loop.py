"""One Python process that reads a topic into hourly candles: ``python -m tests.bench.candles.loop …``.

The fastest that plain Python does, and all that it does: no verdict, no state, no recovery. The last
line that it prints is a JSON `Outcome` as of `job`.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fastavro
import orjson
import psutil
from confluent_kafka import Consumer, TopicPartition

from conf.contracts.trade_schemas import TRADE_SCHEMA_JSON
from conf.contracts.trades import WIRE_HEADER
from conf.names import HOUR_MS
from tests.bench.candles.outcome import Outcome, Sample

AT_ONCE = 10_000
SAMPLE_ROWS = 50_000
# Its default of a second puts a fast reader to sleep whenever its queue is full.
OPTIONS = {"fetch.queue.backoff.ms": 10, "enable.auto.commit": False, "group.id": "bench-loop"}

Hours = dict[tuple[str, int], list[Any]]


def json_loop() -> tuple[Callable[[list[bytes]], None], Hours]:
    """Return a function that adds messages of the exchange, and the candles that it adds to."""
    hours: Hours = {}

    def add(values: list[bytes]) -> None:
        for value in values:
            trade = orjson.loads(value)["data"]
            if trade["e"] == "trade":
                _add(
                    hours,
                    (trade["s"], trade["T"] // HOUR_MS),
                    Decimal(trade["p"]),
                    Decimal(trade["q"]),
                )

    return add, hours


def avro_loop() -> tuple[Callable[[list[bytes]], None], Hours]:
    """Return the same for records of the topic; prices and sizes stay scaled integers."""
    schema = fastavro.parse_schema(orjson.loads(TRADE_SCHEMA_JSON))
    hours: Hours = {}
    read, size = fastavro.schemaless_reader, WIRE_HEADER.size

    def add(values: list[bytes]) -> None:
        for value in values:
            record: Any = read(io.BytesIO(value[size:]), schema, None)
            if record["kind"] == "TRADE":
                key = (record["symbol"], record["trade_time_ms"] // HOUR_MS)
                _add(hours, key, record["price"], record["quantity"])

    return add, hours


def _add(hours: Hours, key: tuple[str, int], price: Any, size: Any) -> None:
    candle = hours.get(key)
    if candle is None:
        hours[key] = [price, price, price, price, size, 1]
        return
    if price > candle[1]:
        candle[1] = price
    elif price < candle[2]:
        candle[2] = price
    candle[3] = price
    candle[4] += size
    candle[5] += 1


LOOPS = {"json": json_loop, "avro": avro_loop}


def main() -> int:
    """Read so many rows and print the outcome."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.candles.loop", description=__doc__)
    parser.add_argument("form", choices=LOOPS)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--rows", type=int, required=True, help="after which it stops")
    options = parser.parse_args()
    consumer = Consumer({"bootstrap.servers": options.bootstrap_servers, **OPTIONS})
    partitions = consumer.list_topics(options.topic, timeout=10).topics[options.topic].partitions
    consumer.assign([TopicPartition(options.topic, number, 0) for number in partitions])
    add, hours = LOOPS[options.form]()
    own = psutil.Process()
    samples: list[Sample] = []
    rows = 0
    while rows < options.rows:
        values = [value for one in consumer.consume(AT_ONCE, 1.0) if (value := one.value())]
        add(values)
        rows += len(values)
        if not samples or rows - samples[-1].rows >= SAMPLE_ROWS or rows >= options.rows:
            used_s = float(sum(own.cpu_times()[:2]))
            samples.append(Sample(rows=rows, at_s=time.time(), cpu_s=used_s))
    consumer.close()
    peak_mib = round(own.memory_info().rss / 2**20)
    print(Outcome(samples=samples, hours=len(hours), peak_mib=peak_mib).model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
