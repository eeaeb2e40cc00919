"""Serves /metrics and /healthz of one process on loopback, from a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST


class PortTakenError(RuntimeError):
    """The port cannot be opened; one line that names the setting to change."""


class MetricsServer:
    """Answers scrapes and health checks. Use as a context manager.

    Args:
        port: 0 takes a free one.
        exposition: the metrics as Prometheus reads them, made anew for each scrape.
        health: whether the process is healthy, and what /healthz says; 503 if it is not.
        variable: the setting that the port comes from, for the error.

    Raises:
        PortTakenError: if the port is taken; it listens from here on.
    """

    def __init__(
        self,
        port: int,
        exposition: Callable[[], bytes],
        health: Callable[[], tuple[bool, bytes]],
        variable: str,
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._reply(200, CONTENT_TYPE_LATEST, exposition())
                elif self.path == "/healthz":
                    is_healthy, body = health()
                    self._reply(200 if is_healthy else 503, "text/plain", body)
                else:
                    self._reply(404, "text/plain", b"/metrics or /healthz")

            def _reply(self, status: int, content_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: a scrape is no event."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            message = (
                f"port {port} for metrics cannot be opened ({error.strerror}); "
                f"set {variable} to a free one"
            )
            raise PortTakenError(message) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> MetricsServer:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
