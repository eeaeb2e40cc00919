"""Both queries submitted to a real standalone cluster, as on a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.topics import ensure_topics
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
def test_candles_and_forecasts_on_a_standalone_cluster(settings: Bundle, tmp_path: Path) -> None:
    ensure_topics(settings.kafka, settings.run)
    context = context_of(settings)
    with spark_cluster(tmp_path / "spark") as cluster:
        candles = cluster.submit(LAUNCHERS / "candles.py", settings.environment)
        forecasts = cluster.submit(LAUNCHERS / "forecasts.py", settings.environment)
        try:
            for application in (candles, forecasts):
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
            reported = "SELECT job FROM job_status WHERE detail ? 'batch_id' ORDER BY job"
            eventually(
                lambda: execute(context, reported) == [("candles",), ("forecasts",)],
                WAIT_S,
                message="batches of both queries",
            )
        finally:
            forecasts.stop()
            candles.stop()
