"""Prometheus metrics and /healthz of one producer process.

The counters live as plain integers where things happen; they are read when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conf.metrics_server import MetricsServer, PortTakenError
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


def metrics_server(port: int, totals: Totals, is_healthy: Callable[[], bool]) -> MetricsServer:
    """Return a server that listens already; as a context manager it serves.

    Raises:
        StartupError: if the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(TotalsCollector(totals))

    def health() -> tuple[bool, bytes]:
        return (True, b"ok") if is_healthy() else (False, b"no")

    try:
        return MetricsServer(
            port, partial(generate_latest, registry), health, "NEXTHOUR_PRODUCER_METRICS_PORT"
        )
    except PortTakenError as error:
        raise StartupError(str(error)) from error
