"""`nexthour live`: the same system on the real exchange's addresses."""

from __future__ import annotations

import time
from contextlib import suppress

import httpx

from conf.api import ApiSettings
from conf.connections.s3 import open_s3
from conf.history import HistorySettings
from conf.names import Namespace
from conf.settings import ExchangeSettings, RunSettings, S3Settings
from local.errors import LocalError
from model.registry import Registry
from nexthour.bring_up import addresses_text, bring_up
from nexthour.doctor import require_healthy
from nexthour.progress import Steps
from nexthour.system import System

ANSWER_TIMEOUT_S = 10.0
PARTS = ("spark", "producer", "dashboard", "lifecycle")
OPTIONAL_PARTS = {"api"}


def require_exchange(exchange: ExchangeSettings) -> None:
    """Demand that the exchange answers, before anything is started.

    Raises:
        LocalError: one line that names the address and the setting.
    """
    url = f"{exchange.rest_url}/api/v3/time"
    try:
        httpx.get(url, timeout=ANSWER_TIMEOUT_S).raise_for_status()
    except httpx.HTTPError as error:
        message = (
            f"the exchange does not answer at {exchange.rest_url} "
            f"({type(error).__name__}: {error}); check the network or set NEXTHOUR_EXCHANGE_REST_URL"
        )
        raise LocalError(message) from error


def run_live() -> None:
    """Run until interrupted; data stay in `var/live` and the next start goes on with them.

    Raises:
        LocalError: one line; everything that was started is stopped.
    """
    exchange, run = ExchangeSettings(), RunSettings()
    require_exchange(exchange)
    var_dir = run.var_dir.resolve()
    require_healthy(var_dir)
    steps = Steps()
    steps.say(f"[bold]nexthour live[/bold]  {exchange.rest_url}\n")
    environment = {
        "NEXTHOUR_NAMESPACE": run.namespace,
        "NEXTHOUR_VENUE": run.venue,
        "NEXTHOUR_SOURCE_LABEL": run.source_label,
        "NEXTHOUR_SYMBOLS": ",".join(run.symbols),
        "NEXTHOUR_SPEED": "1",
        "NEXTHOUR_VAR_DIR": str(var_dir),
        "NEXTHOUR_EXCHANGE_REST_URL": exchange.rest_url,
        "NEXTHOUR_EXCHANGE_WS_URL": exchange.ws_url,
    }
    system = System(var_dir / run.namespace, environment, steps, fresh=False)
    try:
        bring_up(
            system,
            history_days=HistorySettings().days,
            start_exchange=lambda: None,
            start_clock=lambda: None,
            train=lambda: not has_model(system, run),
            with_api=ApiSettings().with_stack,
        )
        steps.say(addresses_text(system.addresses))
        while True:
            system.require_running((*PARTS, *OPTIONAL_PARTS & system.addresses.keys()))
            time.sleep(1)
    except KeyboardInterrupt:
        steps.say("\n stopping …")
    finally:
        with suppress(KeyboardInterrupt), steps.step("stop everything"):
            system.stop()


def has_model(system: System, run: RunSettings) -> bool:
    """Tell whether the registry serves a model already, from an earlier start."""
    with system.settings_environment():
        settings = S3Settings()
    prefix = Namespace(run.namespace).s3_prefix
    return Registry(open_s3(settings), settings.bucket, prefix).champion() is not None
