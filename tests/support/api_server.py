"""A read API of one's own: in this process, or as a process that can be killed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi.testclient import TestClient

from api.app import create_app
from api.store import Store
from conf.api import ApiSettings
from conf.names import Namespace
from conf.settings import PostgresSettings
from local.ports import HOST, PortClaims
from local.process import ManagedProcess, answers
from tests.support.bundle import ROOT

STABLE = ("USDCUSDT",)
START_S = 30.0


@contextmanager
def api_client(
    postgres: PostgresSettings, namespace: Namespace, **settings: object
) -> Iterator[TestClient]:
    """Run the application in this process."""
    given = ApiSettings.model_validate(settings)
    app = create_app(given, Store(postgres, namespace, given), STABLE)
    with TestClient(app) as client:
        yield client


@dataclass(frozen=True)
class ApiServer:
    """A running ``python -m api``."""

    process: ManagedProcess
    url: str

    def client(self, **options: object) -> httpx.Client:
        """Return a client of it."""
        return httpx.Client(base_url=self.url, timeout=20, **options)  # type: ignore[arg-type]


@contextmanager
def api_server(
    postgres: PostgresSettings,
    namespace: Namespace,
    folder: Path,
    *,
    healthy: bool = True,
    **settings: object,
) -> Iterator[ApiServer]:
    """Run ``python -m api`` until the end.

    Args:
        postgres: where the rows are.
        namespace: whose.
        folder: of its log.
        healthy: wait until Postgres answers it, not only until it listens.
        settings: further fields of `ApiSettings`.
    """
    ports = PortClaims()
    port = ports.claim(0, "read API")
    process = ManagedProcess(
        "api",
        [sys.executable, "-m", "api"],
        log_dir=folder,
        env=environment(postgres, namespace, port=port, **settings),
        cwd=ROOT,
    )
    url = f"http://{HOST}:{port}"
    process.start()
    try:
        ready = f"{url}/healthz" if healthy else f"{url}/v1/openapi.json"
        process.wait_ready(answers(ready), START_S)
        yield ApiServer(process, url)
    finally:
        process.stop()
        ports.release()


def environment(
    postgres: PostgresSettings, namespace: Namespace, **settings: object
) -> Mapping[str, str]:
    """Return the variables of a process of the API."""
    given = {f"NEXTHOUR_API_{name.upper()}": str(value) for name, value in settings.items()}
    return {
        "NEXTHOUR_NAMESPACE": namespace.name,
        "NEXTHOUR_POSTGRES_URL": postgres.url.get_secret_value(),
        "NEXTHOUR_MODEL_STABLE_SYMBOLS": ",".join(STABLE),
        **given,
    }
