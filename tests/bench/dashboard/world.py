"""A Postgres with years of candles and months of scored forecasts, and the dashboard on one core."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psutil

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from local.ports import HOST
from local.process import ManagedProcess, answers
from tests.bench.store import END, HOUR, LIVE_HOURS, FilledStore, filled_store
from tests.support.bundle import ROOT
from tests.support.dashboard_more import fill_more
from tests.support.repeating import repeating

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
_CLOSES = "SELECT symbol, close FROM candle WHERE interval = '1h' AND open_time = %(last)s"
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

    store: FilledStore
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
    """Run the dashboard on the core of its database, and the pipeline's writing on the other."""
    with filled_store("bench-dashboard", seed) as store:
        fill_pages(store.postgres, store.namespace)
        port = store.ports.claim(0, "dashboard")
        dashboard = ManagedProcess(
            "dashboard",
            [sys.executable, "-c", _pinned(store.server_core, port)],
            log_dir=store.folder / "logs",
            env={
                "NEXTHOUR_NAMESPACE": store.namespace.name,
                "NEXTHOUR_POSTGRES_URL": store.postgres.url.get_secret_value(),
            },
            cwd=ROOT,
        )
        dashboard.start()
        try:
            url = f"http://{HOST}:{port}"
            dashboard.wait_ready(answers(f"{url}/_stcore/health"), 60)
            with _live(store.postgres, store.namespace):
                yield World(store, dashboard, url)
        finally:
            dashboard.stop()


def _pinned(core: int, port: int) -> str:
    """Return a program that puts itself on a core before it starts a thread, then is the dashboard."""
    arguments = ["streamlit", "run", "streamlit_app/app.py", "--server.port", str(port)]
    return (
        "import os, sys; "
        f"os.sched_setaffinity(0, {{{core}}}); sys.argv = {arguments!r}; "
        "from streamlit.web.cli import main; main()"
    )


def fill_pages(postgres: PostgresSettings, namespace: Namespace) -> None:
    """Score all forecasts, begin the running hours, and write what is beside candles and forecasts."""
    last = END - HOUR
    connection = connect(postgres, namespace)
    with connection, connection.cursor() as cursor:
        cursor.execute(_SCORES)
        cursor.execute(_BEGIN, {"last": last, "next": END})
        cursor.execute(_CLOSES, {"last": last})
        closes = {symbol: float(close) for symbol, close in cursor.fetchall()}
    fill_more(connection, END - LIVE_HOURS * HOUR, LIVE_HOURS, closes)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    connection.close()


@contextmanager
def _live(postgres: PostgresSettings, namespace: Namespace) -> Iterator[None]:
    """Change the running hours as the pipeline does, and close them as the demo's exchange does."""
    connection = connect(postgres, namespace)
    changes, newest = itertools.count(1), END

    def write() -> None:
        nonlocal newest
        with connection, connection.cursor() as cursor:
            cursor.execute(_CHANGE)
            if next(changes) % int(HOUR_S / CHANGE_S) == 0:
                cursor.execute(_CLOSE)
                cursor.execute(_BEGIN, {"last": newest, "next": newest + HOUR})
                newest += HOUR

    with closing(connection), repeating(CHANGE_S, write):
        yield
