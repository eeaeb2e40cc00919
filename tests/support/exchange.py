"""A stand-in exchange as a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from conf.settings import ExchangeSettings
from local.ports import HOST, PortClaims
from local.process import ManagedProcess, answers

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class ExchangeServer:
    """A running stand-in exchange.

    Attributes:
        rest_url: base of the REST API.
        ws_url: base of the streams.
        control_url: control port: clock, oracle, faults, status.
        process: its process.
    """

    rest_url: str
    ws_url: str
    control_url: str
    process: ManagedProcess

    @property
    def settings(self) -> ExchangeSettings:
        """How clients find it."""
        return ExchangeSettings(
            rest_url=self.rest_url, ws_url=self.ws_url, control_url=self.control_url
        )

    @property
    def environment(self) -> dict[str, str]:
        """How client processes find it."""
        return {
            "NEXTHOUR_EXCHANGE_REST_URL": self.rest_url,
            "NEXTHOUR_EXCHANGE_WS_URL": self.ws_url,
            "NEXTHOUR_EXCHANGE_CONTROL_URL": self.control_url,
        }

    def get(self, path: str, **params: object) -> object:
        """Return the JSON of a control-port GET.

        Raises:
            httpx.HTTPError: if it is refused.
        """
        answer = httpx.get(f"{self.control_url}{path}", params=params, timeout=10)  # type: ignore[arg-type]  # str and int
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Mapping[str, object] | None = None) -> None:
        """Send a control-port POST, for example ``/clock/start``.

        Raises:
            httpx.HTTPError: if it is refused.
        """
        httpx.post(
            f"{self.control_url}{path}", json=dict(body or {}), timeout=10
        ).raise_for_status()


def start_exchange(
    environment: Mapping[str, str], ports: PortClaims, log_dir: Path, name: str = "exchange"
) -> ExchangeServer:
    """Start ``python -m exchange`` and wait until its control port says that it is ready.

    Args:
        environment: NEXTHOUR_STANDIN_* variables; ports are chosen unless given.
        ports: where ports are claimed.
        log_dir: where its log goes.
        name: of the log.
    """
    variables = {
        "NEXTHOUR_STANDIN_HOST": HOST,
        "NEXTHOUR_STANDIN_PORT": str(ports.claim(0, "exchange")),
        "NEXTHOUR_STANDIN_CONTROL_PORT": str(ports.claim(0, "exchange control")),
        **environment,
    }
    process = ManagedProcess(
        name, [sys.executable, "-m", "exchange"], log_dir=log_dir, env=variables, cwd=ROOT
    )
    public = f"{HOST}:{variables['NEXTHOUR_STANDIN_PORT']}"
    control = f"http://{HOST}:{variables['NEXTHOUR_STANDIN_CONTROL_PORT']}"
    process.start()
    try:
        process.wait_ready(answers(f"{control}/healthz"), START_TIMEOUT_S)
    except BaseException:
        process.stop()
        raise
    return ExchangeServer(f"http://{public}", f"ws://{public}", control, process)
