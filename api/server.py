"""Runs the application: one process, one port, an orderly end."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.store import Store
from conf.api import ApiSettings
from conf.model import ModelSettings
from conf.names import Namespace
from conf.settings import PostgresSettings, RunSettings

log = structlog.get_logger(__name__)


class PortTakenError(RuntimeError):
    """The port cannot be opened; one line that names the setting to change."""


class Server(uvicorn.Server):
    """Ends streams first when it is asked to stop; else it would wait for them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, end the streams, let requests under way finish."""
        app: FastAPI = self.config.app  # type: ignore[assignment]
        app.state.hub.close()
        await super().shutdown(sockets)


def serve(settings: ApiSettings) -> None:
    """Serve until SIGTERM or SIGINT, then let requests under way finish.

    Raises:
        PortTakenError: if the port cannot be opened.
        pydantic.ValidationError: if the environment's settings are wrong.
    """
    run, postgres = RunSettings(), PostgresSettings()
    store = Store(postgres, Namespace(run.namespace), settings)
    app = create_app(settings, store, ModelSettings().stable_symbols)
    listening = open_port(settings)
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=settings.shutdown_s,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # who asked to stop is no news
    previous = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGINT)}
    log.info("serving", url=f"http://{settings.host}:{port}", namespace=run.namespace)
    try:
        Server(config).run(sockets=[listening])
    except SystemExit as end:
        if end.code:
            raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    log.info("stopped")


def open_port(settings: ApiSettings) -> socket.socket:
    """Return the listening socket.

    Raises:
        PortTakenError: if it cannot be opened.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        message = (
            f"{settings.host}:{settings.port} cannot be opened ({error.strerror or error}); "
            "set NEXTHOUR_API_HOST and NEXTHOUR_API_PORT (0 takes a free port)"
        )
        raise PortTakenError(message) from error


def _end(_number: int, _frame: FrameType | None) -> None:
    """Before and after uvicorn listens to signals: end, and end well."""
    sys.exit(0)
