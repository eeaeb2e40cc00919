"""A Postgres of the benchmark's own with years of candles and months of forecasts."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
from pydantic import SecretStr

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from local.ports import PortClaims
from tests.support.api_data import prepared_namespace
from tests.support.servers import PostgresServer

SYMBOLS = DEFAULT_SYMBOLS
HOURS = 3 * 365 * 24
LIVE_HOURS = 90 * 24
"""Of these the candles are the pipeline's own, and there are forecasts; what is older is history."""
END = datetime(2024, 7, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
START = END - HOURS * HOUR

_CANDLES = (
    "symbol, open_time, revision, open, high, low, close, volume, quote_volume, taker_buy_volume, "
    "taker_buy_quote_volume, trades, first_trade_id, last_trade_id, status, verdict, witness, source, "
    "updated_at"
)
_FORECASTS = (
    "symbol, target_open_time, model_version, as_of_open_time, issued_at, last_close, q05, q25, q50, "
    "q75, q95, is_fallback, input_verdict, input_revision, mask, feature_hash, written_at"
)
NULL = "\\N"


@dataclass(frozen=True)
class FilledStore:
    """A filled database and where a benchmark may put what it measures.

    Attributes:
        server_core: the database's, and for what serves from it: together they serve a request.
        load_core: the other one, for the load.
        folder: removed at the end.
    """

    namespace: Namespace
    postgres: PostgresSettings
    database_pid: int
    server_core: int
    load_core: int
    ports: PortClaims
    folder: Path


@contextmanager
def filled_store(name: str, seed: int) -> Iterator[FilledStore]:
    """Run a Postgres on one core, with everything in the namespace `name`."""
    folder = Path(tempfile.mkdtemp(prefix="nexthour-bench-"))
    folder.chmod(0o755)
    ports = PortClaims()
    load_core, server_core = sorted(os.sched_getaffinity(0))[:2]
    with ExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        parts.callback(ports.release)
        server = PostgresServer(folder / "postgres", ports)
        parts.callback(server.stop)
        server.start()
        postgres = PostgresSettings(url=SecretStr(server.url), statement_timeout_ms=120_000)
        namespace = prepared_namespace(postgres, name)
        fill(postgres, namespace, seed)
        _pin(server.pid, server_core)
        yield FilledStore(namespace, postgres, server.pid, server_core, load_core, ports, folder)


def _pin(pid: int, core: int) -> None:
    """Put a process and its children on one core; those that they start inherit it."""
    leader = psutil.Process(pid)
    leader.cpu_affinity([core])
    for process in leader.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a connection's that was closed just now
            process.cpu_affinity([core])


def fill(postgres: PostgresSettings, namespace: Namespace, seed: int) -> None:
    """Write everything, and leave the tables as autovacuum would."""
    connection = connect(postgres, namespace)
    with connection, connection.cursor() as cursor:
        for position, symbol in enumerate(SYMBOLS):
            cursor.execute(
                "INSERT INTO symbol VALUES (%s, 'TRADING', %s, 'USDT', 0.01, 0.00001, %s)",
                (symbol, symbol.removesuffix("USDT"), position),
            )
            draw = np.random.default_rng([seed, position])
            ticks = prices(draw, HOURS + 1)
            _copy(cursor, "candle", _CANDLES, candle_lines(symbol, ticks, draw))
            _copy(cursor, "forecast", _FORECASTS, forecast_lines(symbol, ticks))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) candle")
        cursor.execute("VACUUM (ANALYZE) forecast")
    connection.close()


def _copy(cursor: object, table: str, columns: str, lines: Sequence[str]) -> None:
    statement = f"COPY {table} ({columns}) FROM STDIN"
    cursor.copy_expert(statement, io.StringIO("".join(lines)))  # type: ignore[attr-defined]


def prices(draw: np.random.Generator, count: int) -> np.ndarray:
    """Return a walk of prices in cents."""
    steps = draw.normal(0, 0.006, count)
    return np.maximum(1, np.round(6_000_000 * np.exp(np.cumsum(steps)))).astype(np.int64)


def cents(value: int) -> str:
    """Return cents as a price."""
    return f"{value // 100}.{value % 100:02d}"


def candle_lines(symbol: str, ticks: np.ndarray, draw: np.random.Generator) -> list[str]:
    """Return COPY lines of all hours, the oldest first."""
    volumes = draw.integers(1_000_000, 900_000_000_000, HOURS)
    lines = []
    for hour in range(HOURS):
        opened, closed = int(ticks[hour]), int(ticks[hour + 1])
        volume = int(volumes[hour])
        quote = volume * closed
        begin = START + hour * HOUR
        is_own = hour >= HOURS - LIVE_HOURS
        ids = (str(hour * 1000 + 1), str(hour * 1000 + 1000)) if is_own else (NULL, NULL)
        told = ("complete", "STREAM", "trades") if is_own else ("history", NULL, "dump")
        cells = (
            *(symbol, begin.isoformat(), "1", cents(opened)),
            *(
                cents(max(opened, closed) + 7),
                cents(max(1, min(opened, closed) - 7)),
                cents(closed),
            ),
            *(f"{volume / 1e8:.8f}", f"{quote / 1e10:.8f}", f"{volume / 2e8:.8f}"),
            *(f"{quote / 2e10:.8f}", "1000", *ids, "final", *told),
            (begin + HOUR + timedelta(seconds=1)).isoformat(),
        )
        lines.append("\t".join(cells) + "\n")
    return lines


def forecast_lines(symbol: str, ticks: np.ndarray) -> list[str]:
    """Return COPY lines of the forecasts of the last hours."""
    lines = []
    for hour in range(HOURS - LIVE_HOURS, HOURS):
        last = int(ticks[hour])
        target = START + hour * HOUR
        quantiles = [cents(last * share // 1000) for share in (990, 996, 1000, 1004, 1010)]
        cells = (
            *(symbol, target.isoformat(), "bench", (target - HOUR).isoformat()),
            *((target + timedelta(minutes=1)).isoformat(), cents(last), *quantiles),
            *("false", "complete", "1", "1" * len(SYMBOLS), "0" * 64),
            (target + timedelta(minutes=1)).isoformat(),
        )
        lines.append("\t".join(cells) + "\n")
    return lines
