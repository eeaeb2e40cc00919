"""What the README tells a consumer to copy reads a real topic, and finds a hole."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from conf.contracts.trades import Close, Gap, TradeRecord
from conf.names import HOUR_MS
from conf.producer import ProducerSettings
from producers.kafka_sink import Item, KafkaSink, SinkConfig, open_producer
from producers.messages import Trade
from producers.topics import ensure_topics
from tests.support.bundle import Bundle

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ["consume_confluent.py", "consume_kafka_python.py"]
H0 = 490_000 * HOUR_MS


def write(settings: Bundle, items: Sequence[Item]) -> None:
    ensure_topics(settings.kafka, settings.run)
    producer_settings = ProducerSettings.model_validate({})
    config = SinkConfig(
        settings.kafka, producer_settings, settings.namespace, "binance-spot", "1/1"
    )

    async def run() -> None:
        sink = KafkaSink(config, open_producer(config))
        await sink.put(items)
        await sink.close()

    asyncio.run(run())


def consume(settings: Bundle, script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / script), settings.kafka.bootstrap_servers]
    return subprocess.run(
        [*command, settings.namespace.trades_topic],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def trade(trade_id: int, symbol: str = "BTCUSDT") -> Trade:
    return Trade(symbol, trade_id, 100, 7, True, H0, H0, H0, "STREAM")


CLOSE = TradeRecord("CLOSE", "BTCUSDT", H0, H0, "STREAM", close=Close(H0, "STREAM", 5, 9, 5))
GAP = TradeRecord("GAP", "BTCUSDT", H0, H0, "REST", gap=Gap(7, 8, "away"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_whole_series_is_read(settings: Bundle, script: str) -> None:
    trades = [trade(5), trade(1, "ETHUSDT"), trade(6), GAP, GAP, trade(9), CLOSE]
    write(settings, trades)
    done = consume(settings, script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "BTCUSDT: 3 trades without a hole, last id 9",
        "ETHUSDT: 1 trades without a hole, last id 1",
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_hole_is_found(settings: Bundle, script: str) -> None:
    write(settings, [trade(5), trade(6), trade(8)])
    done = consume(settings, script)
    assert done.returncode == 1
    assert "BTCUSDT: id 8 after 6" in done.stderr
