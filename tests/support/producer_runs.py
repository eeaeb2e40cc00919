"""Producer processes, and the topic `trades` as a list per symbol, checked against the exchange."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
from confluent_kafka import Consumer, TopicPartition

from conf.contracts.trades import Close, TradeRecord, decode, scaled, writer_schemas
from conf.names import HOUR_MS, hour_open_ms
from conf.settings import KafkaSettings
from local.ports import PortClaims
from local.process import ManagedProcess
from tests.support.bundle import Bundle
from tests.support.exchange import ExchangeServer

ROOT = Path(__file__).parents[2]
READ_TIMEOUT_S = 60.0
SPEED = 600
SYMBOLS = "BTCUSDT,ETHUSDT,DOTUSDT,USDCUSDT"

StartExchange = Callable[..., ExchangeServer]


def start(exchange_server: StartExchange, **variables: object) -> ExchangeServer:
    """Start an exchange of four symbols, an exchange hour in six seconds, with a short past."""
    given: dict[str, object] = {"symbols": SYMBOLS, "speed": SPEED, "history_hours": 24}
    return exchange_server(**{**given, **variables})


def run_variables(**more: object) -> dict[str, object]:
    """Return what a producer must be told of such an exchange."""
    return {"NEXTHOUR_SYMBOLS": SYMBOLS, "NEXTHOUR_SPEED": SPEED, **more}


class ProducerProcess:
    """One ``python -m producers``, with its metrics."""

    def __init__(self, process: ManagedProcess, metrics_port: int) -> None:
        self.process = process
        self._url = f"http://127.0.0.1:{metrics_port}"

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a counter's samples that have the labels; 0 before it serves."""
        try:
            text = httpx.get(f"{self._url}/metrics", timeout=5).text
        except httpx.HTTPError:
            return 0.0
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith(f"nexthour_producer_{name}")
            and line[len(f"nexthour_producer_{name}")] in "{ "
            and all(label in line for label in wanted)
        )

    def is_healthy(self) -> bool:
        """Tell whether /healthz says so."""
        try:
            return httpx.get(f"{self._url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def producer(
    settings: Bundle,
    exchange: ExchangeServer,
    log_dir: Path,
    *arguments: str,
    name: str = "producer",
    **environment: object,
) -> Iterator[ProducerProcess]:
    """Run a producer process; it is stopped at the end if it still runs."""
    ports = PortClaims()
    port = ports.claim(0, "metrics")
    variables = {
        **settings.environment,
        **exchange.environment,
        "NEXTHOUR_PRODUCER_METRICS_PORT": str(port),
        **{key: str(value) for key, value in environment.items()},
    }
    process = ManagedProcess(
        name,
        [sys.executable, "-m", "producers", *arguments],
        log_dir=log_dir,
        env=variables,
        cwd=ROOT,
    )
    process.start()
    try:
        yield ProducerProcess(process, port)
    finally:
        process.stop()
        ports.release()


def stop(run: ProducerProcess) -> None:
    """End a producer as an operator does; it must have drained and ended well."""
    run.process.ask_to_stop()
    assert run.process.wait(15) == 0


def read_topic(kafka: KafkaSettings, topic: str) -> list[Any]:
    """Return all committed messages of a topic, in the order of each partition."""
    consumer = Consumer(
        kafka.client_config()
        | {
            "group.id": uuid.uuid4().hex,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        messages: list[Any] = []
        ended: set[int] = set()
        give_up_s = time.monotonic() + READ_TIMEOUT_S
        while len(ended) < len(partitions):
            assert time.monotonic() < give_up_s, f"{topic} could not be read to its end"
            for message in consumer.consume(5_000, timeout=0.2):
                if message.error():
                    ended.add(message.partition())
                else:
                    messages.append(message)
        return messages
    finally:
        consumer.close()


def read_trades(kafka: KafkaSettings, topic: str) -> dict[str, list[TradeRecord]]:
    """Return the records of the topic `trades`, by symbol, in their order."""
    by_symbol: dict[str, list[TradeRecord]] = {}
    writers = writer_schemas(kafka.trades_writer_schemas)
    for message in read_topic(kafka, topic):
        assert ("venue", b"binance-spot") in (message.headers() or [])
        record = decode(message.value(), kafka.trades_schema_id, writers)
        assert message.key() == record.symbol.encode()
        by_symbol.setdefault(record.symbol, []).append(record)
    return by_symbol


def read_dead(kafka: KafkaSettings, topic: str) -> list[dict[str, Any]]:
    """Return the dead letters."""
    return [orjson.loads(message.value()) for message in read_topic(kafka, topic)]


def closes_of(records: list[TradeRecord]) -> list[Close]:
    """Return the CLOSE records' figures, in their order."""
    return [record.close for record in records if record.close is not None]


def check_series(
    settings: Bundle, exchange: ExchangeServer, symbols: str = SYMBOLS, *, hours: int = 1
) -> dict[str, list[TradeRecord]]:
    """Demand that the topic has each symbol's trades as the book has them, and closed hours enough.

    Returns:
        The topic's records by symbol, see `read_trades`.
    """
    series = read_trades(settings.kafka, settings.namespace.trades_topic)
    for symbol in symbols.split(","):
        assert check_against_book(exchange, symbol, series[symbol]) >= hours
    return series


def check_against_book(
    exchange: ExchangeServer, symbol: str, records: list[TradeRecord], *, gap_ids: int = 0
) -> int:
    """Assert that a symbol's series is the exchange's book, and return how many hours it closes.

    No id missing, doubled or out of order; each hour that the book has closed up to the series' end
    has one CLOSE, in order, after its last id, with the book's figures; trades of the hour sum up to
    the book's volume.
    """
    trades = [record for record in records if record.kind == "TRADE"]
    ids = [record.trade_id for record in trades if record.trade_id is not None]
    gaps = [record.gap for record in records if record.gap is not None]
    covered = {i for gap in gaps for i in range(gap.first_id, gap.last_id + 1)}
    assert len(covered) == gap_ids
    whole = sorted(set(ids) | covered)
    assert whole == list(range(whole[0], whole[0] + len(whole))), f"{symbol}: ids are missing"
    assert ids == sorted(set(ids)), f"{symbol}: ids doubled or out of order"

    closes = closes_of(records)
    hours = [close.open_time_ms for close in closes]
    first_hour = hour_open_ms(trades[0].trade_time_ms)
    book = exchange.get(
        "/oracle/candles", symbol=symbol, start_ms=min([first_hour, *hours]), end_ms=2**52
    )
    assert isinstance(book, list)
    wanted = [row for row in book if not hours or row["open_time_ms"] <= hours[-1]]
    assert hours == [row["open_time_ms"] for row in wanted if hours], f"{symbol}: closed hours"
    by_hour: dict[int, list[TradeRecord]] = {}
    for trade in trades:
        by_hour.setdefault(hour_open_ms(trade.trade_time_ms), []).append(trade)
    for close, row in zip(closes, wanted, strict=False):
        check_hour(close, row, by_hour.get(close.open_time_ms, []))
    check_order(records)
    return len(closes)


def check_hour(close: Close, row: Mapping[str, Any], trades: list[TradeRecord]) -> None:
    """Assert that a CLOSE has the book's figures, and its hour the book's trades."""
    assert (close.first_trade_id, close.last_trade_id, close.trades) == (
        row["first_trade_id"],
        row["last_trade_id"],
        row["trades"],
    )
    for name in ("open", "high", "low", "close"):
        assert getattr(close, name) == scaled(row[name]), name
    for name in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"):
        assert scaled(getattr(close, name)) == scaled(row[name]), name
    assert len(trades) == close.trades
    assert sum(trade.quantity or 0 for trade in trades) == scaled(row["volume"])
    if trades:
        assert trades[-1].price == close.close


def check_order(records: list[TradeRecord]) -> None:
    """Assert that each CLOSE comes after its hour's last id, and inside its hour by event time."""
    last = -1
    for record in records:
        if record.trade_id is not None:
            last = record.trade_id
        elif record.gap is not None:
            last = max(last, record.gap.last_id)
        elif record.close is not None:
            assert hour_open_ms(record.trade_time_ms) == record.close.open_time_ms
            assert record.trade_time_ms < record.close.open_time_ms + HOUR_MS
            if record.close.trades:
                assert record.close.last_trade_id is not None
                assert record.close.last_trade_id <= last


def hours_closed(run: ProducerProcess) -> dict[str, int]:
    """Return how many hours a producer has closed, of each of the four symbols."""
    return {
        symbol: int(run.metric("hours_closed_total", symbol=symbol))
        for symbol in SYMBOLS.split(",")
    }
