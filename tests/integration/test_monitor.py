"""The monitor as a process, against a broker and a Postgres server that come and go."""

from __future__ import annotations

import copy
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka.admin import AdminClient

from conf.connections.postgres import connect, fetch
from conf.contracts.feed import FeedState, FeedStatus, encode_feed_status
from conf.contracts.incidents import Incident, IncidentKind, encode_incident
from conf.names import utc_time
from conf.settings import KafkaSettings, PostgresSettings, RunSettings
from local.process import ManagedProcess
from producers.topics import ensure_topics
from streaming.monitor.messages import Message, sort_out
from streaming.monitor.table import MonitorTable
from tests.support.bundle import ROOT, bundle_of
from tests.support.candle_records import HOUR
from tests.support.commands import check_refusal
from tests.support.eventually import eventually
from tests.support.exchange import ExchangeServer
from tests.support.json_topics import JsonWriter, KafkaBroker, Record
from tests.support.own_postgres import PostgresServer, create_namespace
from tests.support.producer_runs import producer, read_topic

pytestmark = pytest.mark.integration

COMMAND = [sys.executable, "-m", "streaming.monitor"]
WAIT_S = 60.0
SPEED = 600


@dataclass
class Servers:
    broker: KafkaBroker
    kafka: KafkaSettings
    server: PostgresServer
    postgres: PostgresSettings


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    broker = KafkaBroker(tmp_path_factory.mktemp("monitor"))
    server = PostgresServer()
    try:
        yield Servers(broker, broker.start(), server, server.start())
    finally:
        broker.remove()
        server.remove()


class Run:
    """A namespace with its topics and tables, and a monitor that follows it."""

    def __init__(self, servers: Servers, log_dir: Path) -> None:
        self.servers = servers
        self.log_dir = log_dir
        self.namespace = create_namespace(servers.postgres, f"m-{uuid.uuid4().hex[:12]}")
        ensure_topics(servers.kafka, RunSettings(namespace=self.namespace.name))
        self.writer = JsonWriter(servers.kafka, f"{self.namespace.name}.writer")
        self.environment = {
            "NEXTHOUR_NAMESPACE": self.namespace.name,
            "NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": servers.kafka.bootstrap_servers,
            "NEXTHOUR_POSTGRES_URL": servers.postgres.url.get_secret_value(),
        }

    @classmethod
    def beside(cls, other: Run, log_dir: Path) -> Run:
        """Return the same run with a folder of its own for logs."""
        run = copy.copy(other)
        run.log_dir = log_dir
        return run

    @contextmanager
    def monitor(self) -> Iterator[ManagedProcess]:
        process = ManagedProcess(
            "monitor", COMMAND, log_dir=self.log_dir, env=self.environment, cwd=ROOT
        ).start()
        try:
            yield process
        finally:
            process.stop()

    def incident(self, number: int, **changes: Any) -> Record:
        fields: dict[str, Any] = {
            "kind": IncidentKind.GAP_FILLED,
            "producer": "1/1",
            "started_ms": HOUR + number,
            "ended_ms": HOUR + number + 250,
            "symbol": "BTCUSDT",
            "first_id": number,
            "last_id": number + 4,
            "detail": f"number {number}",
        }
        incident = Incident(**fields | changes)
        return self.namespace.incidents_topic, incident.key, encode_incident(incident)

    def feed(self, symbol: str, number: int, **changes: Any) -> Record:
        fields: dict[str, Any] = {
            "symbol": symbol,
            "producer": "1/1",
            "state": FeedState.LIVE,
            "updated_ms": HOUR + number * 1000,
            "last_trade_id": number,
            "last_trade_time_ms": HOUR + number * 1000 - 40,
            "lag_ms": 40,
            "connected_since_ms": HOUR,
            "held": 0,
        }
        status = FeedStatus(**fields | changes)
        return self.namespace.feed_topic, status.key, encode_feed_status(status)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return fetch(self.servers.postgres, self.namespace, statement)

    def numbers(self) -> list[int]:
        return [row[0] for row in self.rows("SELECT first_id FROM incident ORDER BY id")]


@pytest.fixture
def run(servers: Servers, tmp_path: Path) -> Run:
    return Run(servers, tmp_path)


def test_what_is_written_becomes_rows(run: Run) -> None:
    run.writer.write([run.incident(7), run.feed("BTCUSDT", 3), run.feed("BTCUSDT", 9)])
    run.writer.begin([run.incident(8), run.feed("BTCUSDT", 99)])
    run.writer.abort()
    late = run.feed("BTCUSDT", 5, state=FeedState.SILENT)
    started = run.incident(
        0, kind=IncidentKind.STARTED, symbol=None, first_id=None, last_id=None, ended_ms=None
    )
    run.writer.write([late, started])
    with run.monitor() as process:
        eventually(lambda: len(run.numbers()) == 2, WAIT_S)
        shown = "SELECT state, detail->>'incidents', detail->>'feed' FROM job_status"
        eventually(lambda: run.rows(shown) == [("running", "2", "3")], WAIT_S)
        process.ask_to_stop()
        assert process.wait(10) == 0
    assert run.rows("SELECT job, state FROM job_status") == [("monitor", "stopped")]
    columns = "kind, producer, symbol, first_id, last_id, duration_ms, detail, started_at, ended_at"
    assert run.rows(f"SELECT {columns} FROM incident ORDER BY id") == [
        (
            *("gap_filled", "1/1", "BTCUSDT", 7, 11, 250, "number 7"),
            *(utc_time(HOUR + 7), utc_time(HOUR + 257)),
        ),
        ("started", "1/1", None, None, None, None, "number 0", utc_time(HOUR), None),
    ]
    columns = "state, last_trade_id, exchange_time, last_trade_time, lag_ms, connected_since, held"
    assert run.rows(f"SELECT {columns} FROM feed_status") == [
        ("live", 9, utc_time(HOUR + 9000), utc_time(HOUR + 8960), 40, utc_time(HOUR), 0)
    ]
    fresh = "SELECT clock_timestamp() - updated_at BETWEEN '0 s' AND '1 min' FROM feed_status"
    assert run.rows(fresh) == [(True,)]


def test_what_a_producer_tells_becomes_rows(
    run: Run, exchange_server: Callable[..., ExchangeServer]
) -> None:
    symbols = "BTCUSDT,ETHUSDT"
    exchange = exchange_server(symbols=symbols, speed=SPEED, hold=True, history_hours=24)
    settings = bundle_of(run.environment, run.namespace, run.log_dir)
    variables = {"NEXTHOUR_SYMBOLS": symbols, "NEXTHOUR_SPEED": SPEED}
    states = "SELECT symbol, state FROM feed_status ORDER BY symbol"
    with run.monitor(), producer(settings, exchange, run.log_dir, **variables) as source:
        eventually(source.is_healthy, WAIT_S)
        exchange.post("/clock/start")
        eventually(lambda: run.rows(states) == [("BTCUSDT", "live"), ("ETHUSDT", "live")], WAIT_S)
        exchange.post("/faults", {"kind": "drop", "symbol": "BTCUSDT", "count": 3})
        filled = (
            "SELECT count(*) > 0 FROM incident WHERE kind = 'gap_filled' AND symbol = 'BTCUSDT'"
        )
        eventually(lambda: run.rows(filled) == [(True,)], WAIT_S)
        source.process.ask_to_stop()
        assert source.process.wait(15) == 0
        stopped = [("BTCUSDT", "stopped"), ("ETHUSDT", "stopped")]
        eventually(lambda: run.rows(states) == stopped, WAIT_S)
        incidents = read_topic(run.servers.kafka, run.namespace.incidents_topic)
        eventually(lambda: len(run.numbers()) == len(incidents), WAIT_S)
    bad = "SELECT detail->>'bad', (detail->>'feed')::int > 0 FROM job_status WHERE job = 'monitor'"
    assert run.rows(bad) == [("0", True)]
    ids = "SELECT max(last_trade_id) > 0, max(lag_ms) >= 0, max(held) >= 0 FROM feed_status"
    assert run.rows(ids) == [(True, True, True)]


def test_kills_in_the_middle_double_nothing_and_lose_nothing(run: Run) -> None:
    symbols = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
    garbage: list[Record] = [
        (run.namespace.incidents_topic, None, b"{"),
        (run.namespace.incidents_topic, b"k", b'{"kind": "rumour"}'),
        (run.namespace.incidents_topic, None, None),
        run.incident(0, detail="a\x00b"),
        run.incident(0, last_id=2**64 - 1),
        (run.namespace.feed_topic, b"k", b"\xff\xfe"),
        run.feed("", 0, updated_ms=2**62),
    ]
    total, goes_on = [0], threading.Event()
    goes_on.set()

    def write() -> None:
        while goes_on.is_set():
            number = total[0] + 1
            records = [run.incident(number), garbage[number % len(garbage)]]
            run.writer.write([*records, *(run.feed(symbol, number) for symbol in symbols)])
            total[0] = number

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(3):
            with run.monitor() as process:
                before = len(run.numbers())
                eventually(lambda before=before: len(run.numbers()) > before, WAIT_S)
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
                process.wait(10)
    finally:
        goes_on.clear()
        thread.join()
    with run.monitor() as process:
        wanted = list(range(1, total[0] + 1))
        eventually(lambda: len(run.numbers()) >= len(wanted), WAIT_S)
        newest = "SELECT symbol, last_trade_id FROM feed_status ORDER BY symbol"
        eventually(lambda: run.rows(newest) == [(s, wanted[-1]) for s in symbols], WAIT_S)
        process.ask_to_stop()
        assert process.wait(10) == 0
    assert run.numbers() == wanted
    log = (run.log_dir / "monitor.log").read_text()
    bad = [orjson.loads(line) for line in log.splitlines() if "bad_messages" in line]
    offsets = {each["offset"] for event in bad for each in event["first"]}
    assert offsets, "what could not be read must be named"


def test_whatever_is_away_is_waited_for(run: Run) -> None:
    servers = run.servers

    def said(event: str) -> int:
        return process.log_text().count(f'"event": "{event}"')

    with run.monitor() as process:
        run.writer.write([run.incident(1)])
        eventually(lambda: run.numbers() == [1], WAIT_S)
        servers.server.stop()
        try:
            run.writer.write([run.incident(2), run.feed("BTCUSDT", 2)])
            eventually(lambda: said("monitor_waits") == 1, WAIT_S)
        finally:
            servers.server.start()
        eventually(lambda: run.numbers() == [1, 2], WAIT_S)
        servers.broker.stop()
        try:
            eventually(lambda: said("monitor_waits") == 2, WAIT_S)
            waits = "SELECT state, detail->>'reason' LIKE 'Kafka at %' FROM job_status"
            assert run.rows(waits) == [("waiting", True)]
        finally:
            servers.broker.start()
        run.writer.write([run.incident(3)])
        eventually(lambda: run.numbers() == [1, 2, 3], WAIT_S)
        assert (said("monitor_waits"), said("monitor_running")) == (2, 3)
        process.ask_to_stop()
        assert process.wait(10) == 0


def test_two_monitors_and_a_lost_position_double_nothing(run: Run, tmp_path: Path) -> None:
    wanted = list(range(1, 401))
    for number in wanted[:200]:
        run.writer.write([run.incident(number), run.feed("BTCUSDT", number)])
    other = Run.beside(run, tmp_path / "other")
    with run.monitor() as one, other.monitor() as two:
        for number in wanted[200:]:
            run.writer.write([run.incident(number), run.feed("BTCUSDT", number)])
        eventually(lambda: len(run.numbers()) >= len(wanted), WAIT_S)
        logs = one.log_text() + two.log_text()
    run.rows("DELETE FROM topic_position")
    with run.monitor() as process:
        read = f"SELECT 1 FROM topic_position WHERE next_offset >= {len(wanted)}"
        eventually(lambda: len(run.rows(read)) == 2, WAIT_S)
        logs += process.log_text()
    assert sorted(run.numbers()) == wanted
    assert "bad_messages" not in logs
    assert run.rows("SELECT last_trade_id FROM feed_status") == [(400,)]


def test_a_feed_status_never_goes_back(run: Run) -> None:
    table = MonitorTable(lambda: connect(run.servers.postgres, run.namespace))
    in_an_hour_ms = int(time.time() * 1000) + 3_600_000

    def write(offset: int, number: int, **changes: Any) -> tuple[Any, ...]:
        topic, _, value = run.feed("BTCUSDT", number, **changes)
        table.write(sort_out([Message(topic, 0, offset, in_an_hour_ms, value)], run.namespace))
        (row,) = run.rows("SELECT last_trade_id, state, updated_at <= now() FROM feed_status")
        return row

    try:
        assert write(5, 9) == (9, "live", True)  # and never from the future
        assert write(3, 8) == (9, "live", True)
        assert write(6, 9, state=FeedState.SILENT) == (9, "silent", True)
        assert write(7, 10) == (10, "live", True)
    finally:
        table.close()
    assert run.rows("SELECT next_offset FROM topic_position") == [(8,)]


def test_a_row_that_the_server_refuses_holds_nothing_up(run: Run) -> None:
    run.rows("ALTER TABLE incident ADD CHECK (detail <> 'poison')")
    poison = run.incident(3, detail="poison")
    others = [run.incident(number) for number in (1, 2, 4, 5)]
    run.writer.write([*others[:2], poison, *others[2:], run.feed("BTCUSDT", 1)])
    with run.monitor():
        eventually(lambda: len(run.rows("SELECT 1 FROM feed_status")) == 1, WAIT_S)
        eventually(lambda: run.numbers() == [1, 2, 4, 5], WAIT_S)
        counted = "SELECT detail->>'incidents', detail->>'bad' FROM job_status"
        eventually(lambda: run.rows(counted) == [("4", "1")], WAIT_S)


def test_a_topic_that_was_made_anew_is_read_from_its_start(run: Run) -> None:
    run.writer.write([run.incident(number) for number in range(1, 6)])
    with run.monitor():
        eventually(lambda: len(run.numbers()) == 5, WAIT_S)
    admin = AdminClient(run.servers.kafka.client_config())
    topic = run.namespace.incidents_topic
    for future in admin.delete_topics([topic]).values():
        future.result()
    eventually(lambda: topic not in admin.list_topics(timeout=5).topics, WAIT_S)
    ensure_topics(run.servers.kafka, RunSettings(namespace=run.namespace.name))
    again = JsonWriter(run.servers.kafka, f"{run.namespace.name}.again")
    again.write([run.incident(6), run.incident(7)])
    with run.monitor():
        eventually(lambda: run.numbers() == [1, 2, 3, 4, 5, 6, 7], WAIT_S)
    # past the position in the topic that is gone
    again.write([run.incident(number) for number in range(8, 14)])
    with run.monitor():
        eventually(lambda: run.numbers() == list(range(1, 14)), WAIT_S)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "Kafka at 127.0.0.1:1"),
        ({"NEXTHOUR_KAFKA_SECURITY_PROTOCOL": "SSL"}, "SSL handshake failed"),
        (
            {"NEXTHOUR_KAFKA_SECURITY_PROTOCOL": "SSL", "NEXTHOUR_KAFKA_SSL_CA_LOCATION": "/no"},
            "client refuses its settings",
        ),
        ({"NEXTHOUR_POSTGRES_URL": "postgresql://x@127.0.0.1:1/x"}, "Postgres does not answer"),
        ({"NEXTHOUR_NAMESPACE": "unprepared"}, "nexthour.prepare"),
        ({"NEXTHOUR_SPEED": "fast"}, "setting speed"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    run: Run, change: dict[str, str], words: str
) -> None:
    check_refusal(COMMAND, {**run.environment, **change}, words)


def test_missing_topics_are_said(run: Run) -> None:
    bare = create_namespace(run.servers.postgres, "no-topics")
    run.environment["NEXTHOUR_NAMESPACE"] = bare.name
    with run.monitor() as process:
        assert process.wait(30) == 2
        assert "has no topic no-topics.incidents" in process.log_text()
