"""What the README tells a consumer to copy reads a real topic, and finds a hole."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml

from conf.contracts.candles import Candle, decode_candle
from conf.contracts.feed import FeedState, FeedStatus
from conf.contracts.forecasts import Forecast
from conf.contracts.incidents import Incident, IncidentKind
from conf.contracts.trades import Close, Gap, TradeRecord, decode
from conf.names import HOUR_MS
from conf.producer import ProducerSettings
from producers.dead_letters import dead_letter
from producers.errors import BadMessage, Reason
from producers.kafka_producer import SinkConfig, open_producer
from producers.kafka_sink import Item, KafkaSink
from producers.messages import Trade
from producers.topics import ensure_topics
from streaming.candles.topic import CandleTopic
from streaming.forecasts.stores import KafkaStore
from tests.support.bundle import Bundle
from tests.support.producer_runs import read_topic

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ["consume_confluent.py", "consume_kafka_python.py"]
ASYNCAPI = yaml.safe_load((EXAMPLES.parent / "docs" / "asyncapi.yaml").read_text())
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


def consume(settings: Bundle, *scripts: tuple[str, str]) -> list[tuple[str, int, str, str]]:
    """Run (script, topic) at the same time; return script, exit code, output and errors of each."""
    running = [
        (
            script,
            subprocess.Popen(
                [sys.executable, str(EXAMPLES / script), settings.kafka.bootstrap_servers, topic],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ),
        )
        for script, topic in scripts
    ]
    results = []
    for script, process in running:
        output, errors = process.communicate(timeout=60)
        results.append((script, process.returncode, output, errors))
    return results


def consume_trades(settings: Bundle) -> list[tuple[str, int, str, str]]:
    return consume(settings, *((script, settings.namespace.trades_topic) for script in SCRIPTS))


def trade(trade_id: int, symbol: str = "BTCUSDT") -> Trade:
    return Trade(symbol, trade_id, 100, 7, True, H0, H0, H0, "STREAM")


def gap(first_id: int, last_id: int, hour: int = 0, symbol: str = "BTCUSDT") -> TradeRecord:
    """Return the GAP record of one of the hours that a hole may touch."""
    return TradeRecord(
        "GAP", symbol, H0 + hour * HOUR_MS, H0, "REST", gap=Gap(first_id, last_id, "away")
    )


CLOSE = TradeRecord("CLOSE", "BTCUSDT", H0, H0, "STREAM", close=Close(H0, "STREAM", 5, 9, 5))


OTHERS: list[Item] = [
    dead_letter(BadMessage(Reason.BAD_PRICE, "'abc'", None), b"raw", H0),
    Incident(IncidentKind.GAP_DECLARED, "1/1", H0, H0 + 1, "BTCUSDT", 6, 8, "away"),
    FeedStatus("BTCUSDT", "1/1", FeedState.LIVE, H0, 8, H0, 0, H0),
]
FORECAST = Forecast(
    "BTCUSDT",
    H0 + 2 * HOUR_MS,
    H0,
    "v1",
    "live",
    H0 + HOUR_MS,
    None,
    *(None,) * 5,
    False,
    "no final candle",
    None,
    "1",
    "",
)


def test_a_whole_series_is_read(settings: Bundle) -> None:
    trades = [trade(5), trade(1, "ETHUSDT"), trade(6), gap(7, 8), gap(7, 8), trade(9), CLOSE]
    write(settings, trades)
    for script, code, output, errors in consume_trades(settings):
        assert code == 0, f"{script}: {errors}"
        assert output.splitlines() == [
            "BTCUSDT: 3 trades without a hole, last id 9",
            "ETHUSDT: 1 trades without a hole, last id 1",
        ]


def test_a_gap_covers_the_hole_in_every_hour_that_it_touches(settings: Bundle) -> None:
    """And the other topics are read with the example for JSON."""
    two_hours = [trade(5), gap(6, 8), CLOSE, gap(6, 8, hour=1), trade(9)]
    by_witness = [gap(10, 11), gap(12, 12, hour=1), trade(13)]
    begins_with_one = [gap(3, 4, 0, "ETHUSDT"), gap(3, 4, 1, "ETHUSDT"), trade(5, "ETHUSDT")]
    write(settings, [*two_hours, *by_witness, *begins_with_one, *OTHERS])
    sent = [candle(revision=0), candle(revision=1, reason="gap"), candle(revision=0)]
    CandleTopic(settings.kafka, settings.namespace.candles_topic).send(sent)
    names = settings.namespace
    results = consume(
        settings,
        *((script, names.trades_topic) for script in SCRIPTS),
        ("consume_json.py", names.candles_topic),
        *(("consume_json.py", topic) for topic in (names.dead_topic, names.incidents_topic)),
    )
    for script, code, _, errors in results:
        assert code == 0, f"{script}: {errors}"
    kafka_python, confluent, candles, dead, incidents = (
        output.splitlines() for _, _, output, _ in results
    )
    assert confluent == kafka_python
    assert kafka_python == [
        "BTCUSDT: 3 trades without a hole, last id 13",
        "ETHUSDT: 1 trades without a hole, last id 5",
    ]
    keys, values = zip(*(line.split(" ", 1) for line in candles), strict=True)
    assert keys == (f"BTCUSDT|{H0}",) * 2
    assert [decode_candle(value.encode()) for value in values] == sent[:2]
    assert dead[0].startswith('- {"reason": "bad_price: \'abc\'"')
    assert incidents[0].startswith('BTCUSDT {"kind": "gap_declared"')
    assert (len(dead), len(incidents)) == (1, 1)


def test_every_topic_is_as_it_is_described(settings: Bundle) -> None:
    """Keys, values and headers of what the real writers send, against docs/asyncapi.yaml."""
    write(settings, [trade(5), gap(6, 8), CLOSE, *OTHERS])
    CandleTopic(settings.kafka, settings.namespace.candles_topic).send([candle(0)])
    KafkaStore(settings.kafka, settings.namespace).send([FORECAST])
    schemas = ASYNCAPI["components"]["schemas"]
    for channel in ASYNCAPI["channels"].values():
        (reference,) = (message["$ref"] for message in channel["messages"].values())
        described = ASYNCAPI["components"]["messages"][reference.rsplit("/", 1)[1]]
        topic = channel["address"].replace("{namespace}", settings.namespace.name)
        messages = read_topic(settings.kafka, topic)
        assert messages, topic
        for message in messages:
            key = message.key().decode() if message.key() else None
            jsonschema.validate(key, {"type": described["bindings"]["kafka"]["key"]["type"]})
            headers = {name: value.decode() for name, value in message.headers() or []}
            wanted = schemas["producerHeaders"] if "headers" in described else {"maxProperties": 0}
            jsonschema.validate(headers, wanted)
            if "$ref" in described["payload"]:
                schema = schemas[described["payload"]["$ref"].rsplit("/", 1)[1]]
                jsonschema.validate(json.loads(message.value()), schema)
                assert set(json.loads(message.value())) == set(schema["properties"])
            else:
                assert decode(message.value(), settings.kafka.trades_schema_id).symbol == key
            if headers:
                assert headers["venue"] == "binance-spot"
                assert headers["writer"] == settings.namespace.transactional_id("1/1")


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        ([trade(5), trade(6), trade(8)], "BTCUSDT: id 8 after 6"),
        ([trade(5), trade(6), trade(6)], "BTCUSDT: id 6 after 6"),
        ([trade(5), gap(7, 8), trade(9)], "BTCUSDT: id 7 after 5"),
        ([trade(5), gap(6, 7), trade(9)], "BTCUSDT: id 9 after 7"),
        ([trade(5), gap(6, 7), trade(7)], "BTCUSDT: id 7 after 7"),
    ],
    ids=["hole", "doubled", "hole before the gap", "hole after the gap", "late fill"],
)
def test_a_hole_is_found(settings: Bundle, items: list[Item], complaint: str) -> None:
    write(settings, items)
    for script, code, _, errors in consume_trades(settings):
        assert code == 1, script
        assert complaint in errors


def candle(revision: int, reason: str | None = None) -> Candle:
    one, zero = Decimal("61685.99"), Decimal(0)
    return Candle(
        "BTCUSDT",
        H0,
        revision,
        *(one, one, one, one, zero, zero, zero, zero),
        *(0, None, None),
        "disputed" if reason else "quiet",
        reason,
        "STREAM",
    )
