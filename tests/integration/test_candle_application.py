"""The candles application as a process: start, report, drain on SIGTERM, refuse in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local.process import ManagedProcess
from producers.topics import ensure_topics
from tests.support.bundle import ROOT, Bundle
from tests.support.candle_records import HOUR, closing, trade
from tests.support.candle_run import context_of, execute, in_postgres
from tests.support.candle_topic import TradeWriter
from tests.support.commands import check_refusal
from tests.support.eventually import eventually
from tests.support.spark_cluster import log_of

pytestmark = pytest.mark.integration

COMMAND = [sys.executable, "-m", "nexthour.launchers.candles"]
START_S = 120.0
STOP_S = 20.0  # ten on a machine that does nothing else


def test_starts_reports_and_stops_on_sigterm(settings: Bundle, tmp_path: Path) -> None:
    ensure_topics(settings.kafka, settings.run)
    context = context_of(settings)
    application = ManagedProcess(
        "candles", COMMAND, log_dir=tmp_path, env=settings.environment, cwd=ROOT
    ).start()
    try:
        application.wait_ready(lambda: "queries are running" in log_of(application), START_S)
        trades = [trade(1, "2")]
        TradeWriter(context.kafka, context.namespace).write([*trades, closing(trades)])
        eventually(lambda: list(in_postgres(context)) == [("BTCUSDT", HOUR, 1)], START_S)
        reported = "SELECT detail->'observed_sums'->'records'->>'read' FROM job_status"
        eventually(lambda: execute(context, reported) == [("2",)], 30.0)
        application.ask_to_stop()
        assert application.wait(STOP_S) == 0
    finally:
        application.stop()
    assert execute(context, "SELECT job, state FROM job_status") == [("candles", "stopped")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "Kafka at 127.0.0.1:1"),
        ({"NEXTHOUR_HDFS_HTTP_URL": "http://127.0.0.1:1"}, "HDFS at http://127.0.0.1:1"),
        ({"NEXTHOUR_POSTGRES_URL": "postgresql://x@127.0.0.1:1/x"}, "Postgres does not answer"),
        ({"NEXTHOUR_NAMESPACE": "unprepared"}, "nexthour.prepare"),
        ({"NEXTHOUR_SPEED": "fast"}, "setting speed"),
    ],
)
def test_refuses_to_start_in_one_line(settings: Bundle, change: dict[str, str], words: str) -> None:
    ensure_topics(settings.kafka, settings.run)
    check_refusal(COMMAND, {**settings.environment, **change}, words)
