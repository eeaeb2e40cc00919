"""A broker, an exchange of a given rate and one producer, in a folder that is removed at the end."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, KafkaSettings
from local.ports import PortClaims
from local.process import ManagedProcess
from tests.support.exchange import ExchangeServer, start_exchange
from tests.support.producer_runs import ProducerProcess
from tests.support.servers import Broker

ROOT = Path(__file__).parents[3]
SPEED = 360.0
"""An exchange hour in ten seconds: one of 3,600 s at 25,000 trades/s would not fit into memory."""

HOUR_S = 3600 / SPEED
SYMBOLS = DEFAULT_SYMBOLS


@dataclass(frozen=True)
class World:
    """What a measurement works on; `pids` by part: exchange, producer, broker."""

    exchange: ExchangeServer
    producer: ProducerProcess
    kafka: KafkaSettings
    namespace: Namespace
    pids: Mapping[str, int]


@contextmanager
def running_broker() -> Iterator[tuple[Broker, Path, PortClaims]]:
    """Run one broker for all measurements."""
    folder = Path(tempfile.mkdtemp(prefix="nexthour-bench-"))
    ports = PortClaims()
    with ExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        parts.callback(ports.release)
        broker = Broker(folder, ROOT / ".deps" / "jars" / "kafka", ports)
        parts.callback(broker.stop)
        broker.start()
        yield broker, folder, ports


@contextmanager
def exchange_at(rate: int, seed: int, folder: Path, ports: PortClaims) -> Iterator[ExchangeServer]:
    """Run an exchange of so many trades per wall second, its clock held.

    Its buffer for a slow client is large: a client that cannot follow is measured, not cut.
    """
    variables = {
        "SYMBOLS": ",".join(SYMBOLS),
        "SPEED": SPEED,
        "HOLD": "true",
        "SEED": seed,
        "HISTORY_HOURS": 24,
        "TRADES_PER_HOUR": int(rate * HOUR_S),
        "CLIENT_BUFFER_BYTES": 4 * 2**30,
        "PONG_TIMEOUT_S": 600,
        "WEIGHT_LIMIT": 1_000_000,
    }
    environment = {f"NEXTHOUR_STANDIN_{name}": str(value) for name, value in variables.items()}
    exchange = start_exchange(environment, ports, folder / "logs", f"exchange-{rate}")
    try:
        yield exchange
    finally:
        exchange.process.stop()


@contextmanager
def running_world(
    broker: Broker, folder: Path, ports: PortClaims, name: str, rate: int, seed: int
) -> Iterator[World]:
    """Run an exchange and a producer in a namespace of their own."""
    namespace = Namespace(f"bench-{name}")
    metrics_port = ports.claim(0, f"metrics of {name}")
    with exchange_at(rate, seed, folder, ports) as exchange:
        environment = {
            **exchange.environment,
            "NEXTHOUR_NAMESPACE": namespace.name,
            "NEXTHOUR_SYMBOLS": ",".join(SYMBOLS),
            "NEXTHOUR_SPEED": str(SPEED),
            "NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "NEXTHOUR_KAFKA_REPLICATION_FACTOR": "1",
            "NEXTHOUR_PRODUCER_METRICS_PORT": str(metrics_port),
        }
        process = ManagedProcess(
            f"producer-{name}",
            [sys.executable, "-m", "producers"],
            log_dir=folder / "logs",
            env=environment,
            cwd=ROOT,
        )
        process.start()
        try:
            yield World(
                exchange,
                ProducerProcess(process, metrics_port),
                KafkaSettings(bootstrap_servers=broker.bootstrap_servers, replication_factor=1),
                namespace,
                {
                    "exchange": _pid(exchange.process),
                    "producer": _pid(process),
                    "broker": broker.pid,
                },
            )
        finally:
            process.stop()


def _pid(process: ManagedProcess) -> int:
    assert process.pid is not None
    return process.pid


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, all its threads."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    return float(psutil.Process(pid).memory_info().rss) / 2**20
