"""A topic that two producers wrote to, one before and one after the schema grew, is one series."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import fastavro
import pytest
from confluent_kafka import Producer

from conf.contracts.trade_schemas import RELEASED_SCHEMAS
from conf.contracts.trades import TradeRecord
from conf.producer import ProducerSettings
from nexthour.replay import count_topic
from producers.kafka_producer import SinkConfig, open_producer
from producers.kafka_sink import KafkaSink
from producers.messages import Trade
from producers.tail import TailReader
from producers.topics import ensure_topics
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR, trade
from tests.support.candle_run import context_of
from tests.support.producer_runs import read_trades

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "examples"
VENUE = "binance-spot"


def write_as_version_1(settings: Bundle, records: list[TradeRecord]) -> None:
    """Write what the first release of the producer wrote."""
    schema = fastavro.parse_schema(json.loads(RELEASED_SCHEMAS[1]))
    producer = Producer({**settings.kafka.client_config(), "partitioner": "murmur2_random"})
    for record in records:
        body = io.BytesIO()
        body.write(struct.pack(">bI", 0, 1))
        fastavro.schemaless_writer(body, schema, asdict(record))
        producer.produce(
            settings.namespace.trades_topic,
            body.getvalue(),
            record.symbol.encode(),
            headers={"venue": VENUE.encode()},
        )
    assert producer.flush(20) == 0


def write_now(settings: Bundle, trades: list[Trade]) -> None:
    config = SinkConfig(
        settings.kafka, ProducerSettings.model_validate({}), settings.namespace, VENUE, "1/1"
    )

    async def write() -> None:
        sink = KafkaSink(config, open_producer(config))
        await sink.put(trades)
        await sink.close()

    asyncio.run(write())


def test_every_reader_of_the_tree_reads_both(settings: Bundle) -> None:
    ensure_topics(settings.kafka, settings.run)
    topic = settings.namespace.trades_topic
    write_as_version_1(settings, [trade(5, "2", at_ms=HOUR + 5), trade(6, "3", at_ms=HOUR + 9)])
    with TailReader(settings.kafka, topic, VENUE) as reader:
        tail = reader.read(["BTCUSDT"])["BTCUSDT"]
    assert (tail.first_id, tail.last_id, tail.last_time_ms) == (5, 6, HOUR + 9)

    fallen = Trade("BTCUSDT", 7, 100, 7, True, HOUR + 8, HOUR, HOUR, "STREAM", time_fell=True)
    write_now(settings, [fallen])
    series = read_trades(settings.kafka, topic)["BTCUSDT"]
    assert [(one.trade_id, one.time_fell) for one in series] == [(5, False), (6, False), (7, True)]
    with TailReader(settings.kafka, topic, VENUE) as reader:
        assert reader.read(["BTCUSDT"])["BTCUSDT"].last_id == 7
    assert count_topic(context_of(settings)).trades == 3
    for script in ("consume_kafka_python.py", "consume_confluent.py"):
        command = [sys.executable, EXAMPLES / script, settings.kafka.bootstrap_servers, topic]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert done.stdout == "BTCUSDT: 3 trades without a hole, last id 7\n", done.stderr
