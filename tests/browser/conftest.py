"""One dashboard over a filled Postgres and one Chromium for all browser tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from streamlit_app import probe
from tests.support import dashboard_data as data
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]
REFRESH_S = 1


@dataclass
class Running:
    """A dashboard, its database and where they are."""

    url: str
    postgres: PostgresSettings
    namespace: Namespace
    server: data.PostgresServer

    def connect(self) -> Connection:
        return connect(self.postgres, self.namespace)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = data.PostgresServer()
    postgres = server.start()
    namespace = data.filled_namespace(postgres, "browser")
    port = free_port()
    log = tmp_path_factory.mktemp("browser") / "streamlit.log"
    environment = {
        **os.environ,
        "NEXTHOUR_NAMESPACE": namespace.name,
        "NEXTHOUR_POSTGRES_URL": postgres.url.get_secret_value(),
        "NEXTHOUR_DASHBOARD_REFRESH_S": str(REFRESH_S),
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
        eventually(lambda: probe.is_healthy(url), 60, message="the dashboard did not start")
        yield Running(url, postgres, namespace, server)
    finally:
        process.terminate()
        process.wait(20)
        server.remove()
    told = log.read_text("utf-8")
    assert "streamlit_app/" not in told, f"a page failed:\n{told}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = probe.find_browser()
    assert path, "no Chromium: install it (apt-get install chromium) or leave out `-m browser`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(probe.BROWSER_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    found = chromium.new_page(viewport={"width": 1440, "height": 1300})
    found.set_default_timeout(30_000)
    yield found
    found.close()


@pytest.fixture
def fresh_rows(dashboard: Running) -> Iterator[None]:
    """Touch the running hours as a live run would, so that nothing turns stale meanwhile."""
    stop = threading.Event()
    connection = dashboard.connect()

    def touch() -> None:
        while not stop.wait(REFRESH_S):
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE candle SET updated_at = clock_timestamp(), trades = trades + 1 "
                    "WHERE status = 'provisional'"
                )
                cursor.execute("UPDATE feed_status SET updated_at = clock_timestamp()")
                cursor.execute("UPDATE job_status SET updated_at = clock_timestamp()")

    thread = threading.Thread(target=touch)
    thread.start()
    yield
    stop.set()
    thread.join()
    connection.close()
