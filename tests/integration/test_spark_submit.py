"""Every query submitted to a real standalone cluster, as on a user's own."""

from __future__ import annotations

from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from conf.connections.hdfs import open_hdfs
from producers.topics import ensure_topics
from streaming.archive.reader import read_hour
from tests.support.archive_run import rows_of
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR, closing, trade
from tests.support.candle_run import context_of, execute, in_all_stores, in_postgres
from tests.support.candle_topic import TradeWriter
from tests.support.eventually import eventually
from tests.support.spark_cluster import ROOT, log_of, spark_cluster

pytestmark = pytest.mark.integration

LAUNCHERS = ROOT / "nexthour" / "launchers"
START_S = 120.0
WAIT_S = 120.0


@pytest.mark.timeout(560)
def test_every_launcher_on_a_standalone_cluster(settings: Bundle, tmp_path: Path) -> None:
    ensure_topics(settings.kafka, settings.run)
    context = context_of(settings)
    often = settings.environment | {"NEXTHOUR_ARCHIVE_TRIGGER_MINUTES": "0.01"}
    with spark_cluster(tmp_path / "spark") as cluster, ExitStack() as running:
        applications = []
        for name in ("candles", "forecasts", "archive"):
            application = cluster.submit(LAUNCHERS / f"{name}.py", often)
            running.callback(application.stop)
            applications.append(application)
        for application in applications:
            application.wait_ready(
                lambda process=application: "queries are running" in log_of(process), START_S
            )
        trades = [trade(1, "2"), trade(2, "3.5", "0.5", at_ms=HOUR + 1)]
        writer = TradeWriter(context.kafka, context.namespace)
        writer.write([*trades, closing(trades)])
        eventually(
            lambda: in_postgres(context).keys() == {("BTCUSDT", HOUR, 1)},
            WAIT_S,
            message="a candle from the cluster",
        )
        stores = in_all_stores(context)
        assert stores["postgres"] == stores["parquet"] == stores["topic"]
        assert stores["postgres"]["BTCUSDT", HOUR, 1].verdict == "complete"
        files = open_hdfs(context.hdfs)
        archived = eventually(
            lambda: read_hour(files, context.namespace, "BTCUSDT", HOUR),
            WAIT_S,
            message="trades in the archive",
        )
        assert [(one.trade_id, one.price) for one in archived] == [(1, 2), (2, Decimal("3.5"))]
        eventually(lambda: len(rows_of(context, "markers")) == 1, WAIT_S, message="its CLOSE")
        reported = "SELECT job FROM job_status WHERE detail ? 'batch_id' ORDER BY job"
        eventually(
            lambda: execute(context, reported) == [("archive",), ("candles",), ("forecasts",)],
            WAIT_S,
            message="batches of all queries",
        )
