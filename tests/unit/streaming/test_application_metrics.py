"""What Prometheus and a health check get from an application."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streaming import alarms
from streaming.archive import balance
from streaming.candles import sink
from streaming.errors import StartError
from streaming.metrics import metrics_server
from streaming.progress import Progress
from streaming.reports import RESTARTING, RUNNING, QueryFigures

pytestmark = pytest.mark.unit

COUNTERS = (alarms.TOLD, balance.RECORDS, sink.OUTCOMES)

PROGRESS = Progress(
    7,
    durations_ms={"triggerExecution": 250},
    watermark="2026-01-01T00:00:00.000Z",
    lag={"live.trades": 12},
    state_rows=3,
)


def figures() -> list[QueryFigures]:
    candles = QueryFigures("candles", 1e12, RUNNING, progress=PROGRESS, dropped=2)
    candles.observed = Counter({("records", "read"): 9})
    return [candles, QueryFigures("archive", 1e12, RUNNING)]


def test_metrics_of_all_queries_also_of_one_that_reported_nothing_yet() -> None:
    with metrics_server(0, figures) as server:
        text = httpx.get(f"http://127.0.0.1:{server.port}/metrics").text
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    candles = ("query", "candles")
    prefix = "nexthour_query_"
    assert found[prefix + "up", (("query", "archive"),)] == 1
    assert found[prefix + "lag_records", (candles, ("topic", "live.trades"))] == 12
    assert found[prefix + "rows_dropped_total", (candles,)] == 2
    assert found[prefix + "batch_seconds", (("part", "triggerExecution"), candles)] == 0.25
    assert found[prefix + "watermark_seconds", (candles,)] == 1767225600
    assert found[prefix + "state_rows", (candles,)] == 3
    read = (("name", "read"), ("observation", "records"), candles)
    assert found[prefix + "observed_total", read] == 9


def test_what_sinks_count_and_the_process_uses_is_served_too() -> None:
    with metrics_server(0, figures) as server:
        text = httpx.get(f"http://127.0.0.1:{server.port}/metrics").text
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {metric.name for counter in COUNTERS for metric in counter.collect()} <= names
    assert "process_resident_memory_bytes" in names


def test_health_names_what_is_down() -> None:
    queries = figures()
    with metrics_server(0, lambda: queries) as server:
        url = f"http://127.0.0.1:{server.port}"
        answer = httpx.get(f"{url}/healthz")
        assert (answer.status_code, answer.text) == (200, "ok")
        queries[0].state, queries[0].reason = RESTARTING, "no table"
        answer = httpx.get(f"{url}/healthz")
        assert (answer.status_code, answer.text) == (503, "candles: restarting (no table)")
        assert httpx.get(f"{url}/else").status_code == 404


def test_a_taken_port_is_said_in_one_line() -> None:
    with (
        metrics_server(0, figures) as server,
        pytest.raises(StartError, match="NEXTHOUR_SUPERVISION_METRICS_PORT"),
    ):
        metrics_server(server.port, figures)
