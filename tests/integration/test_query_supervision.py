"""The application when a store refuses and when Spark dies: what it does, and what it tells."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from conf.contracts.incidents import Incident, IncidentKind, decode_incident
from local.ports import PortClaims
from local.process import ManagedProcess
from producers.topics import ensure_topics
from streaming.alarms import Alarms
from streaming.context import PipelineContext
from streaming.reconcile.readers import read_topic
from tests.support.bundle import ROOT, Bundle
from tests.support.candle_records import HOUR, closing, trade
from tests.support.candle_run import context_of, execute, in_all_stores, in_postgres
from tests.support.candle_topic import TradeWriter
from tests.support.eventually import eventually
from tests.support.spark_cluster import log_of

pytestmark = pytest.mark.integration

COMMAND = [sys.executable, "-m", "nexthour.launchers.candles"]
WAIT_S = 120.0


def incidents(context: PipelineContext) -> list[Incident]:
    topic = context.namespace.incidents_topic
    return [decode_incident(message) for message in read_topic(context.kafka, topic)]


def told(context: PipelineContext) -> set[IncidentKind]:
    return {incident.kind for incident in incidents(context)}


def java_child(pid: int) -> int:
    """Return the JVM that a Spark driver started from Python runs in."""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        if Path(f"/proc/{one}/comm").read_text().strip() == "java":
            return one
        for task in Path(f"/proc/{one}/task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text().split()]
    message = f"process {pid} has no JVM"
    raise AssertionError(message)


@pytest.mark.timeout(560)
def test_a_query_whose_store_refuses_comes_back_by_itself_and_says_so(
    settings: Bundle, tmp_path: Path
) -> None:
    ensure_topics(settings.kafka, settings.run)
    context = context_of(settings)
    ports = PortClaims()
    port = ports.claim(0, "metrics")
    url = f"http://127.0.0.1:{port}"
    supervision = {
        "NEXTHOUR_SUPERVISION_METRICS_PORT": str(port),
        "NEXTHOUR_SUPERVISION_RESTART_CAP_S": "1",
    }
    application = ManagedProcess(
        "candles", COMMAND, log_dir=tmp_path, env=settings.environment | supervision, cwd=ROOT
    ).start()
    try:
        application.wait_ready(lambda: "queries are running" in log_of(application), WAIT_S)
        assert httpx.get(f"{url}/healthz").status_code == 200

        execute(context, "ALTER TABLE sink_commit RENAME TO hidden")
        trades = [trade(1, "2"), trade(2, "3", at_ms=HOUR + 5)]
        TradeWriter(context.kafka, context.namespace).write([*trades, closing(trades)])
        eventually(lambda: IncidentKind.QUERY_FAILED in told(context), WAIT_S)
        state = "SELECT state FROM job_status WHERE job = 'candles'"
        eventually(lambda: execute(context, state) == [("restarting",)], WAIT_S)
        eventually(lambda: "restarting" in httpx.get(f"{url}/healthz").text, WAIT_S)
        assert in_postgres(context) == {}

        execute(context, "ALTER TABLE hidden RENAME TO sink_commit")
        eventually(lambda: in_postgres(context).keys() == {("BTCUSDT", HOUR, 1)}, WAIT_S)
        eventually(lambda: IncidentKind.QUERY_RECOVERED in told(context), WAIT_S)
        eventually(lambda: execute(context, state) == [("running",)], WAIT_S)
        eventually(lambda: httpx.get(f"{url}/healthz").status_code == 200, WAIT_S)
        metrics = httpx.get(f"{url}/metrics").text
        for line in (
            'nexthour_query_up{query="candles"} 1.0',
            'nexthour_query_rows_total{query="candles"} 3.0',
            'nexthour_query_imbalances_total{query="candles"} 0.0',
            'nexthour_query_rows_dropped_total{query="candles"} 0.0',
            'nexthour_query_observed_total{name="closes",observation="records",query="candles"} 1.0',
            'nexthour_incidents_total{kind="query_recovered",producer="candles"} 1.0',
        ):
            assert line in metrics
        stores = in_all_stores(context)
        assert stores["postgres"] == stores["parquet"] == stores["topic"]
        failure = next(one for one in incidents(context) if one.kind == "query_failed")
        assert failure.producer == "candles"
        assert "sink_commit" in failure.detail
        assert "\n" not in failure.detail
        assert told(context) == {IncidentKind.QUERY_FAILED, IncidentKind.QUERY_RECOVERED}

        assert application.pid is not None
        os.kill(java_child(application.pid), signal.SIGKILL)
        assert application.wait(WAIT_S) == 1
        assert "Spark is gone" in application.log_text()
    finally:
        application.stop()
        ports.release()
    assert execute(context, state) == [("failed",)]


def test_an_alarm_reaches_the_topic(settings: Bundle) -> None:
    ensure_topics(settings.kafka, settings.run)
    alarms = Alarms("archive", settings.kafka, settings.namespace, lambda: HOUR)
    alarms.tell(
        IncidentKind.LATE_TRADES, "two", symbol="BTCUSDT", first_id=3, last_id=4, ended_ms=HOUR + 1
    )
    alarms.tell(IncidentKind.REPAIRED, "one hour", started_ms=HOUR - 5)
    alarms.flush(WAIT_S)
    assert incidents(context_of(settings)) == [
        Incident(
            *(IncidentKind.LATE_TRADES, "archive", HOUR, HOUR + 1, "BTCUSDT", 3, 4),
            detail="two",
        ),
        Incident(IncidentKind.REPAIRED, "archive", HOUR - 5, detail="one hour"),
    ]
