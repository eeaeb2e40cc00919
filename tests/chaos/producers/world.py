"""The parts of a run: a broker, an exchange and producers, in a folder that is removed at the end."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from conf.names import Namespace
from conf.settings import KafkaSettings
from local.ports import PortClaims
from tests.chaos.producers.afterwards import BookFaults
from tests.chaos.producers.fleet import ROOT, Fleet
from tests.support.exchange import ExchangeServer, start_exchange
from tests.support.own_settings import forget_own_settings
from tests.support.servers import Broker

SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "SOLUSDT")
SPEED = 240.0
NAMESPACE = "chaos"
BUDGET, WINDOW_S = 200, 300.0
ABSENT_IDS = {("BTCUSDT", 2): 3, ("SOLUSDT", 5): 40, ("XRPUSDT", 5): 1, ("ETHUSDT", 9): 1_500}
QUIET_HOURS = (("DOGEUSDT", 4), ("BNBUSDT", 8))
HALTED_HOUR = 7
"""Hours of live trading, from 0, in which all symbols have no kline."""
STANDIN = {
    "SYMBOLS": ",".join(SYMBOLS),
    "SPEED": SPEED,
    "HOLD": "true",
    "HISTORY_HOURS": 24,
    "TRADES_PER_HOUR": 9_000,
    # Limits are provoked as faults; the wall's real minute would cost a minute each.
    "WEIGHT_LIMIT": 1_000_000,
    "ABSENT_IDS": ",".join(f"{name}:{hour}:{n}" for (name, hour), n in ABSENT_IDS.items()),
    "QUIET_HOURS": ",".join(f"{name}:{hour}" for name, hour in QUIET_HOURS),
    "HALTED_HOURS": f"*:{HALTED_HOUR}",
}
PRODUCER = {
    "PING_INTERVAL_S": 2,
    "PING_TIMEOUT_S": 2,
    "OPEN_TIMEOUT_S": 5,
    "RECONNECT_BASE_S": 0.2,
    "RECONNECT_CAP_S": 2,
    "RECONNECT_STABLE_S": 5,
    "RECONNECT_BUDGET": BUDGET,
    "RECONNECT_WINDOW_S": WINDOW_S,
    "REST_TIMEOUT_S": 2,
    "RETRY_BASE_S": 0.1,
    "RETRY_CAP_S": 1,
    "KAFKA_TIMEOUT_S": 2,
    # No fault lasts so long: a GAP record would be a loss.
    "FILL_DEADLINE_S": 120,
    # The exchange cuts after 24 h; here connections are renewed some times in a run.
    "RENEW_AFTER_S": 45,
    "HANDOVER_TIMEOUT_S": 30,
    # Two connections, so that one can be lost while the other goes on.
    "MAX_URL_LENGTH": 200,
}


@dataclass(frozen=True)
class World:
    """What a run works on.

    Attributes:
        live_start_ms: first hour of the exchange's live trading, UTC epoch ms.
    """

    broker: Broker
    exchange: ExchangeServer
    fleet: Fleet
    kafka: KafkaSettings
    namespace: Namespace
    attempts: AttemptLog
    live_start_ms: int


class AttemptLog:
    """Reads from the exchange, once a second, how often a websocket was asked for."""

    def __init__(self, exchange: ExchangeServer) -> None:
        self.samples: list[tuple[float, int]] = []
        self._exchange = exchange
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-attempts", daemon=True)
        self._thread.start()

    def read(self) -> int:
        """Take a sample now and return it."""
        status = self._exchange.get("/status")
        assert isinstance(status, dict)
        attempts = int(status["connection_attempts"])
        self.samples.append((time.monotonic(), attempts))
        return attempts

    def close(self) -> None:
        """Stop reading."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(1.0):
            try:
                self.read()
            except httpx.HTTPError:  # the exchange is busy; the next sample has the sum
                continue


def most_in_window(samples: list[tuple[float, int]], window_s: float) -> int:
    """Return by how much a growing count grew at most within any window. Pure.

    Args:
        samples: (monotonic s, count so far), in order; the count was 0 before the first.
        window_s: length of the window.
    """
    most, begin = 0, 0
    padded = [(samples[0][0], 0), *samples] if samples else []
    for at_s, count in padded:
        # From the last sample before the window, so that nothing inside it is left out.
        while padded[begin + 1 : begin + 2] and padded[begin + 1][0] <= at_s - window_s:
            begin += 1
        most = max(most, count - padded[begin][1])
    return most


def book_faults() -> BookFaults:
    """Return what `STANDIN` puts into the book."""
    absent: Counter[str] = Counter()
    for (symbol, _), count in ABSENT_IDS.items():
        absent[symbol] += count
    return BookFaults(absent, Counter(name for name, _ in QUIET_HOURS), dict.fromkeys(SYMBOLS, 1))


@contextmanager
def open_world(seed: int, keep: Path | None = None) -> Iterator[World]:
    """Start everything but the producers; the exchange's clock stands still.

    Args:
        seed: of the exchange's trades.
        keep: where the logs are copied to before the folder is removed.
    """
    forget_own_settings()
    folder = Path(tempfile.mkdtemp(prefix="nexthour-chaos-"))
    ports, namespace = PortClaims(), Namespace(NAMESPACE)
    with ExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        if keep is not None:
            parts.callback(_copy_logs, folder, keep)
        parts.callback(ports.release)
        broker = Broker(folder, ROOT / ".deps" / "jars" / "kafka", ports)
        parts.callback(broker.stop)
        broker.start()
        standin = {f"NEXTHOUR_STANDIN_{name}": str(value) for name, value in STANDIN.items()}
        standin["NEXTHOUR_STANDIN_SEED"] = str(seed)
        exchange = start_exchange(standin, ports, folder / "logs")
        parts.callback(exchange.process.stop)
        environment = {
            **exchange.environment,
            "NEXTHOUR_NAMESPACE": namespace.name,
            "NEXTHOUR_SYMBOLS": ",".join(SYMBOLS),
            "NEXTHOUR_SPEED": str(SPEED),
            "NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "NEXTHOUR_KAFKA_REPLICATION_FACTOR": "1",
            **{f"NEXTHOUR_PRODUCER_{name}": str(value) for name, value in PRODUCER.items()},
        }
        fleet = Fleet(environment, folder / "logs", ports)
        parts.callback(fleet.end_all)
        attempts = AttemptLog(exchange)
        parts.callback(attempts.close)
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, replication_factor=1)
        status = exchange.get("/status")
        assert isinstance(status, dict)
        live_start_ms = int(status["live_start_ms"])
        yield World(broker, exchange, fleet, kafka, namespace, attempts, live_start_ms)


def _copy_logs(folder: Path, keep: Path) -> None:
    shutil.rmtree(keep, ignore_errors=True)
    shutil.copytree(folder / "logs", keep)
