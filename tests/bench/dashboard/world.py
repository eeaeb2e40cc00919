"""A Postgres with years of candles and months of scored forecasts, and the dashboard on one core."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
from pydantic import SecretStr

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from local.ports import HOST, PortClaims
from local.process import ManagedProcess, answers
from tests.bench.api.world import END, HOUR, fill, pin
from tests.support.api_data import prepared_namespace
from tests.support.servers import PostgresServer

ROOT = Path(__file__).parents[3]
CHANGE_S = 0.5
"""The pipeline writes a running hour at most once a second; ten coins make it twice as often."""
HOUR_S = 20.0
"""An exchange hour of the demo."""

_SCORES = """
INSERT INTO forecast_score (symbol, target_open_time, model_version, kind, candle_revision, verdict,
    last_close, actual_close, is_fallback, abs_error, naive_abs_error, in_band_50, in_band_90)
SELECT f.symbol, f.target_open_time, f.model_version, f.kind, c.revision, c.verdict, f.last_close,
    c.close, false, abs(c.close - f.q50), abs(c.close - f.last_close),
    c.close BETWEEN f.q25 AND f.q75, c.close BETWEEN f.q05 AND f.q95
FROM forecast f JOIN candle c ON c.symbol = f.symbol AND c.interval = '1h'
    AND c.open_time = f.target_open_time
"""
_BEGIN = """
INSERT INTO candle (symbol, open_time, revision, open, high, low, close, volume, quote_volume, trades,
    status, source, updated_at)
SELECT symbol, %(next)s, 1, close, close, close, close, 1, close, 1, 'provisional', 'trades',
    clock_timestamp()
FROM candle WHERE interval = '1h' AND open_time = %(last)s
"""
_CLOSE = """
UPDATE candle SET status = 'final', verdict = 'complete', witness = 'STREAM',
    updated_at = clock_timestamp() WHERE status = 'provisional'
"""
_CHANGE = """
UPDATE candle SET trades = trades + 1, volume = volume + 1, updated_at = clock_timestamp()
WHERE status = 'provisional'
"""


@dataclass(frozen=True)
class World:
    """What a measurement works on."""

    namespace: Namespace
    postgres: PostgresSettings
    load_core: int
    dashboard: ManagedProcess
    url: str

    @property
    def dashboard_mib(self) -> float:
        """Resident memory of the dashboard."""
        return float(psutil.Process(self.dashboard.pid).memory_info().rss) / 2**20

    @property
    def problems(self) -> list[str]:
        """What the dashboard's log says of pages that failed."""
        told = self.dashboard.log_text().splitlines()
        return [line.strip() for line in told if "streamlit_app/" in line]


@contextmanager
def running_world(seed: int) -> Iterator[World]:
    """Fill a Postgres, then run it and the dashboard on one core and leave the other to viewers.

    The database shares the dashboard's core: together they are what serves a viewer.
    """
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
        namespace = prepared_namespace(postgres, "bench-dashboard")
        fill(postgres, namespace, seed)
        score(postgres, namespace)
        pin(server.pid, server_core)
        port = ports.claim(0, "dashboard")
        dashboard = ManagedProcess(
            "dashboard",
            [sys.executable, "-c", _pinned(server_core, port)],
            log_dir=folder / "logs",
            env={"NEXTHOUR_NAMESPACE": namespace.name, "NEXTHOUR_POSTGRES_URL": server.url},
            cwd=ROOT,
        )
        dashboard.start()
        parts.callback(dashboard.stop)
        url = f"http://{HOST}:{port}"
        dashboard.wait_ready(answers(f"{url}/_stcore/health"), 60)
        parts.enter_context(_live(postgres, namespace))
        yield World(namespace, postgres, load_core, dashboard, url)


def _pinned(core: int, port: int) -> str:
    """Return a program that puts itself on a core before it starts a thread, then is the dashboard."""
    arguments = ["streamlit", "run", "streamlit_app/app.py", "--server.port", str(port)]
    return (
        "import os, sys; "
        f"os.sched_setaffinity(0, {{{core}}}); sys.argv = {arguments!r}; "
        "from streamlit.web.cli import main; main()"
    )


def score(postgres: PostgresSettings, namespace: Namespace) -> None:
    """Score all forecasts and begin the running hours."""
    connection = connect(postgres, namespace)
    with connection, connection.cursor() as cursor:
        cursor.execute(_SCORES)
        cursor.execute(_BEGIN, {"last": END - HOUR, "next": END})
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) forecast_score")
    connection.close()


@contextmanager
def _live(postgres: PostgresSettings, namespace: Namespace) -> Iterator[None]:
    """Change the running hours as the pipeline does, and close them as the demo's exchange does."""
    stop = threading.Event()
    connection = connect(postgres, namespace)

    def write() -> None:
        newest: datetime = END
        changes = 0
        while not stop.wait(CHANGE_S):
            changes += 1
            with connection, connection.cursor() as cursor:
                cursor.execute(_CHANGE)
                if changes % int(HOUR_S / CHANGE_S) == 0:
                    cursor.execute(_CLOSE)
                    cursor.execute(_BEGIN, {"last": newest, "next": newest + HOUR})
                    newest += HOUR

    writer = threading.Thread(target=write, name="pipeline")
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()
        connection.close()
