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


def consume(settings: Bundle) -> dict[str, tuple[int, str, str]]:
    """Run all examples at the same time; return exit code, output and errors of each."""
    arguments = [settings.kafka.bootstrap_servers, settings.namespace.trades_topic]
    running = {
        script: subprocess.Popen(
            [sys.executable, str(EXAMPLES / script), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for script in SCRIPTS
    }
    results = {}
    for script, process in running.items():
        output, errors = process.communicate(timeout=60)
        results[script] = (process.returncode, output, errors)
    return results


def trade(trade_id: int, symbol: str = "BTCUSDT") -> Trade:
    return Trade(symbol, trade_id, 100, 7, True, H0, H0, H0, "STREAM")


CLOSE = TradeRecord("CLOSE", "BTCUSDT", H0, H0, "STREAM", close=Close(H0, "STREAM", 5, 9, 5))
GAP = TradeRecord("GAP", "BTCUSDT", H0, H0, "REST", gap=Gap(7, 8, "away"))


def test_a_whole_series_is_read(settings: Bundle) -> None:
    trades = [trade(5), trade(1, "ETHUSDT"), trade(6), GAP, GAP, trade(9), CLOSE]
    write(settings, trades)
    for script, (code, output, errors) in consume(settings).items():
        assert code == 0, f"{script}: {errors}"
        assert output.splitlines() == [
            "BTCUSDT: 3 trades without a hole, last id 9",
            "ETHUSDT: 1 trades without a hole, last id 1",
        ]


def test_a_hole_is_found(settings: Bundle) -> None:
    write(settings, [trade(5), trade(6), trade(8)])
    for code, _, errors in consume(settings).values():
        assert code == 1
        assert "BTCUSDT: id 8 after 6" in errors
