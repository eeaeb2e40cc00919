"""The dashboard over a filled Postgres, both of one's own, for browsers to look at."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from streamlit_app import probe
from tests.support import dashboard_data as data
from tests.support.eventually import eventually
from tests.support.own_postgres import PostgresServer

ROOT = Path(__file__).parents[2]
START_S, STOP_S = 60.0, 20.0


@dataclass
class Running:
    """A dashboard, its database and where they are."""

    url: str
    postgres: PostgresSettings
    namespace: Namespace
    server: PostgresServer

    def connect(self) -> Connection:
        return connect(self.postgres, self.namespace)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running_dashboard(log: Path, refresh_s: float) -> Iterator[Running]:
    """Run both; at the end no page may have failed."""
    server = PostgresServer()
    postgres = server.start()
    namespace = data.filled_namespace(postgres, "browser")
    port = free_port()
    environment = {
        **os.environ,
        "NEXTHOUR_NAMESPACE": namespace.name,
        "NEXTHOUR_POSTGRES_URL": postgres.url.get_secret_value(),
        "NEXTHOUR_DASHBOARD_REFRESH_S": str(refresh_s),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", probe.APP, "--server.port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: probe.is_healthy(url), START_S, message="the dashboard did not start")
        yield Running(url, postgres, namespace, server)
    finally:
        process.terminate()
        process.wait(STOP_S)
        server.remove()
    told = log.read_text("utf-8")
    assert "streamlit_app/" not in told, f"a page failed:\n{told}"
