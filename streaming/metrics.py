"""Prometheus metrics and /healthz of one Spark application.

The figures live where reports arrive; they are read when somebody asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streaming.errors import StartError
from streaming.reports import RUNNING, QueryFigures

PREFIX = "nexthour_query_"

Figures = Callable[[], Sequence[QueryFigures]]

_COUNTERS: dict[str, tuple[str, Callable[[QueryFigures], float]]] = {
    "failures": ("Runs that failed.", lambda query: query.failures),
    "batches": ("Batches committed.", lambda query: query.batches),
    "rows": ("Rows read by committed batches.", lambda query: query.rows),
    "rows_dropped": ("Rows that the watermark dropped.", lambda query: query.dropped),
    "imbalances": ("Equations that a batch did not fulfil.", lambda query: query.imbalances),
    "unreported_batches": ("Batches never reported.", lambda query: query.unreported),
}


class QueriesCollector(Collector):
    """Turns the queries' figures into metrics at the moment of a scrape."""

    def __init__(self, figures: Figures, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Take where the figures are, and the monotonic clock that they use."""
        self._figures = figures
        self._clock_s = clock_s

    def collect(self) -> Iterable[Metric]:
        """Yield one family per figure, labelled by query."""
        queries = list(self._figures())
        for name, (text, value) in _COUNTERS.items():
            counter = CounterMetricFamily(PREFIX + name, text, labels=["query"])
            for query in queries:
                counter.add_metric([query.name], value(query))
            yield counter
        yield _gauge("up", "1 while it runs.", queries, lambda query: query.state == RUNNING)
        yield _gauge(
            "silent_seconds",
            "Since the last committed batch or the last look without data.",
            queries,
            lambda query: self._clock_s() - query.alive_at_s,
        )
        yield from _of_batches([query for query in queries if query.progress])
        observed = CounterMetricFamily(
            PREFIX + "observed", "Observed counts.", labels=["query", "observation", "name"]
        )
        for query in queries:
            for labels, count in query.observed.items():
                observed.add_metric([query.name, *labels], count)
        yield observed


def _of_batches(queries: Sequence[QueryFigures]) -> Iterable[Metric]:
    for name, text in (
        ("batch_id", "Last committed batch."),
        ("rows_per_s", "Rows per second of the last batch."),
        ("state_rows", "Rows of state."),
        ("state_bytes", "Memory of the state."),
    ):
        yield _gauge(name, text, queries, partial(_of_progress, name))
    parts = GaugeMetricFamily(
        PREFIX + "batch_seconds", "Time of the last batch and its parts.", labels=["query", "part"]
    )
    lag = GaugeMetricFamily(
        PREFIX + "lag_records", "Records beyond the last batch.", labels=["query", "topic"]
    )
    for query in queries:
        assert query.progress is not None
        for part, spent_ms in query.progress.durations_ms.items():
            parts.add_metric([query.name, part], spent_ms / 1000)
        for topic, records in query.progress.lag.items():
            lag.add_metric([query.name, topic], records)
    yield parts
    yield lag
    with_watermark = [query for query in queries if _watermark_s(query) is not None]
    yield _gauge(
        "watermark_seconds", "Watermark, UTC epoch.", with_watermark, lambda q: _watermark_s(q) or 0
    )


def _of_progress(name: str, query: QueryFigures) -> float:
    return float(getattr(query.progress, name))


def _watermark_s(query: QueryFigures) -> float | None:
    return query.progress.watermark_s if query.progress else None


def _gauge(
    name: str, text: str, queries: Iterable[QueryFigures], value: Callable[[QueryFigures], float]
) -> Metric:
    gauge = GaugeMetricFamily(PREFIX + name, text, labels=["query"])
    for query in queries:
        gauge.add_metric([query.name], value(query))
    return gauge


def complaints(queries: Iterable[QueryFigures], now_s: float) -> list[str]:
    """Return one line per query that is down or silent. Pure."""
    lines = (query.complaint(now_s) for query in queries)
    return [line for line in lines if line]


class MetricsServer:
    """Serves /metrics and /healthz on loopback from a thread. Use as a context manager.

    /healthz answers 503 with one line per query that is down or has not committed for long.
    """

    def __init__(self, port: int, figures: Figures) -> None:
        """Listen at once; port 0 takes a free one.

        Raises:
            StartError: if the port is taken.
        """
        registry = CollectorRegistry()
        registry.register(QueriesCollector(figures))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    # and what the sinks and alarms of this process count, with its memory and time
                    text = generate_latest(registry) + generate_latest(REGISTRY)
                    self._reply(200, CONTENT_TYPE_LATEST, text)
                elif self.path == "/healthz":
                    lines = complaints(figures(), time.monotonic())
                    body = "\n".join(lines or ["ok"]).encode()
                    self._reply(503 if lines else 200, "text/plain", body)
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
                "set NEXTHOUR_SUPERVISION_METRICS_PORT to a free one"
            )
            raise StartError(message) from error
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
