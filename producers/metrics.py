"""Prometheus metrics and /healthz of one producer process.

The counters live as plain integers where things happen; they are read when somebody asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from producers.errors import StartupError
from producers.totals import COUNTERS, GAUGES, Totals

PREFIX = "nexthour_producer_"


class TotalsCollector(Collector):
    """Turns the process's totals into metrics at the moment of a scrape."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def collect(self) -> Iterable[Metric]:
        """Yield one family per counter, labelled by symbol where it is counted so."""
        by_symbol = self._totals.by_symbol()
        for name, text in COUNTERS.items():
            counts = {symbol: values[name] for symbol, values in by_symbol.items()}
            yield _counter(name, text, "symbol", counts)
        for name, text in GAUGES.items():
            gauge = GaugeMetricFamily(PREFIX + name, text, labels=["symbol"])
            for symbol, values in by_symbol.items():
                gauge.add_metric([symbol], values[name])
            yield gauge
        dead, incidents = self._totals.dead_by_reason(), self._totals.incidents_by_kind()
        yield _counter("dead_letters", "Messages refused, committed.", "reason", dead)
        yield _counter("incidents", "What happened to the feed.", "kind", incidents)
        for name, value in self._totals.process().items():
            yield GaugeMetricFamily(PREFIX + name, "Of the whole process.", value=value)


def _counter(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, text, labels=[label])
    for of, count in values.items():
        family.add_metric([of], count)
    return family


class MetricsServer:
    """Serves /metrics and /healthz on loopback from a thread. Use as a context manager."""

    def __init__(self, port: int, totals: Totals, is_healthy: Callable[[], bool]) -> None:
        """Listen at once.

        Raises:
            StartupError: if the port is taken.
        """
        registry = CollectorRegistry()
        registry.register(TotalsCollector(totals))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._reply(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                elif self.path == "/healthz":
                    healthy = is_healthy()
                    self._reply(200 if healthy else 503, "text/plain", b"ok" if healthy else b"no")
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
                "set NEXTHOUR_PRODUCER_METRICS_PORT to a free one"
            )
            raise StartupError(message) from error
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
