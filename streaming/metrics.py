"""Prometheus metrics and /healthz of one Spark application.

The figures live where reports arrive; they are read when somebody asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conf.metrics_server import MetricsServer, PortTakenError
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


def metrics_server(port: int, figures: Figures) -> MetricsServer:
    """Return a server that listens already; as a context manager it serves.

    /healthz answers 503 with one line per query that is down or has not committed for long.

    Raises:
        StartError: if the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(QueriesCollector(figures))

    def exposition() -> bytes:
        # and what the sinks and alarms of this process count, with its memory and time
        return generate_latest(registry) + generate_latest(REGISTRY)

    def health() -> tuple[bool, bytes]:
        lines = complaints(figures(), time.monotonic())
        return not lines, "\n".join(lines or ["ok"]).encode()

    try:
        return MetricsServer(port, exposition, health, "NEXTHOUR_SUPERVISION_METRICS_PORT")
    except PortTakenError as error:
        raise StartError(str(error)) from error
