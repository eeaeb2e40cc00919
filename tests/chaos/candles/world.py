"""The parts of a run: broker, HDFS, Postgres, exchange, producer, candles; removed at the end."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from conf.names import Namespace
from local.ports import HOST, PortClaims
from nexthour.prepare import prepare
from tests.chaos.candles.stores import Book, Table
from tests.support.bundle import ROOT, Bundle, bundle_of
from tests.support.exchange import ExchangeServer, start_exchange
from tests.support.kept import Kept
from tests.support.own_settings import forget_own_settings
from tests.support.servers import Broker, Hdfs, PostgresServer

CLEAN = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "SOLUSDT")
APART = ("ADAUSDT", "DOTUSDT")
"""Symbols whose series a second writer spoils."""
SYMBOLS = CLEAN + APART
SPEED = 480.0
"""An exchange hour in 7.5 s: a start of the application sleeps through one or two."""
NAMESPACE = "chaos"
CANDLES = [sys.executable, "-m", "nexthour.launchers.candles"]
STANDIN = {
    "SYMBOLS": ",".join(SYMBOLS),
    "SPEED": SPEED,
    "HOLD": "true",
    "HISTORY_HOURS": 24,
    "TRADES_PER_HOUR": 2_500,
    "WEIGHT_LIMIT": 1_000_000,
    "ABSENT_IDS": "BTCUSDT:3:3,SOLUSDT:11:40,ETHUSDT:17:1500",
    "QUIET_HOURS": "DOGEUSDT:4,BNBUSDT:9,DOGEUSDT:14,XRPUSDT:21",
    "HALTED_HOURS": "*:7,*:19",
    "BURSTS": "BTCUSDT:12:5000",
}
PRODUCER = {
    "PING_INTERVAL_S": 2,
    "PING_TIMEOUT_S": 2,
    "RECONNECT_BASE_S": 0.2,
    "RECONNECT_CAP_S": 2,
    "REST_TIMEOUT_S": 2,
    "RETRY_BASE_S": 0.1,
    "RETRY_CAP_S": 1,
    "KAFKA_TIMEOUT_S": 2,
    # No fault lasts so long: a GAP record would be a loss.
    "FILL_DEADLINE_S": 300,
}
SUPERVISION = {"RESTART_BASE_S": 0.5, "RESTART_CAP_S": 3}


@dataclass(frozen=True)
class World:
    """What a run works on.

    Attributes:
        candles: the application of the candles query.
        metrics_url: its metrics, where it serves any.
        live_start_ms: first hour of the exchange's live trading, UTC epoch ms.
    """

    broker: Broker
    hdfs: Hdfs
    postgres: PostgresServer
    exchange: ExchangeServer
    producer: Kept
    candles: Kept
    settings: Bundle
    book: Book
    table: Table
    candle_environment: dict[str, str]
    metrics_url: str
    log_dir: Path
    live_start_ms: int


@contextmanager
def open_world(seed: int, keep: Path | None = None) -> Iterator[World]:
    """Start the servers and the exchange, its clock held; producer and candles are not started.

    Args:
        seed: of the exchange's trades.
        keep: where the logs are copied to before the folder is removed.
    """
    forget_own_settings()
    folder = Path(tempfile.mkdtemp(prefix="nexthour-chaos-"))
    log_dir = folder / "logs"
    ports, namespace = PortClaims(), Namespace(NAMESPACE)
    with ExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        if keep is not None:
            parts.callback(_copy_logs, log_dir, keep)
        parts.callback(ports.release)
        broker = Broker(folder, ROOT / ".deps" / "jars" / "kafka", ports)
        hdfs = Hdfs(folder, ROOT / ".deps" / "jars" / "hadoop", ports)
        postgres = PostgresServer(folder, ports)
        for server in (broker, hdfs, postgres):
            parts.callback(server.stop)
        with ThreadPoolExecutor(3) as pool:
            for started in [pool.submit(one.start) for one in (broker, hdfs, postgres)]:
                started.result()
        standin = {f"NEXTHOUR_STANDIN_{name}": str(value) for name, value in STANDIN.items()}
        standin["NEXTHOUR_STANDIN_SEED"] = str(seed)
        exchange = start_exchange(standin, ports, log_dir)
        parts.callback(exchange.process.stop)
        settings = _settings(folder, namespace, broker, hdfs, postgres)
        prepare(settings.run, settings.kafka, settings.postgres)
        producer = Kept(
            "producer",
            [sys.executable, "-m", "producers"],
            {**settings.environment, **exchange.environment, **_prefixed("PRODUCER", PRODUCER)},
            log_dir,
        )
        metrics_port = ports.claim(0, "metrics")
        environment = {
            **settings.environment,
            **exchange.environment,
            **_prefixed("SUPERVISION", {**SUPERVISION, "METRICS_PORT": metrics_port}),
        }
        candles = Kept("candles", CANDLES, environment, log_dir)
        for kept in (producer, candles):
            parts.callback(kept.stop)
        status = exchange.get("/status")
        assert isinstance(status, dict)
        live_start_ms = int(status["live_start_ms"])
        yield World(
            broker=broker,
            hdfs=hdfs,
            postgres=postgres,
            exchange=exchange,
            producer=producer,
            candles=candles,
            settings=settings,
            book=Book(exchange, live_start_ms),
            table=Table(settings),
            candle_environment=environment,
            metrics_url=f"http://{HOST}:{metrics_port}/metrics",
            log_dir=log_dir,
            live_start_ms=live_start_ms,
        )


def _settings(
    folder: Path, namespace: Namespace, broker: Broker, hdfs: Hdfs, postgres: PostgresServer
) -> Bundle:
    stack = {
        "NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "NEXTHOUR_KAFKA_REPLICATION_FACTOR": "1",
        "NEXTHOUR_HDFS_URL": hdfs.plan.url,
        "NEXTHOUR_HDFS_HTTP_URL": hdfs.plan.http_url,
        "NEXTHOUR_POSTGRES_URL": postgres.url,
        "SPARK_LOCAL_IP": HOST,
    }
    return bundle_of(stack, namespace, folder / "var", symbols=SYMBOLS, speed=SPEED)


def _prefixed(section: str, values: Mapping[str, object]) -> dict[str, str]:
    return {f"NEXTHOUR_{section}_{name}": str(value) for name, value in values.items()}


def _copy_logs(log_dir: Path, keep: Path) -> None:
    shutil.rmtree(keep, ignore_errors=True)
    shutil.copytree(log_dir, keep)
