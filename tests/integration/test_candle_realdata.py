"""Recorded hours of the real market, traded by the exchange, come out as equal candles in all stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from conf.names import HOUR_MS, Namespace, epoch_ms
from local.stack import LocalStack
from producers.topics import ensure_topics
from streaming.reconcile.readers import from_parquet, from_postgres, from_topic
from tests.support.bundle import bundle_of
from tests.support.candle_run import context_of, in_postgres, running_query
from tests.support.eventually import eventually
from tests.support.exchange import ExchangeServer
from tests.support.producer_runs import producer
from tests.support.real_hours import compare_with_record, real_hours, units_of, write_window

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.integration, pytest.mark.realdata]

HOURLY = Path(__file__).parents[3] / "shared" / "data" / "hourly"
SYMBOLS = ("BTCUSDT", "DOTUSDT", "USDCUSDT")
# The exchange halted at 04:00, after a flat hour without a trade.
START = datetime(2021, 2, 10, 18, tzinfo=UTC)
HOURS = 24
SPEED = 7_200
# More in an hour are not traded one by one here: only USDC has fewer.
MOST_TRADES = 2_000
WAIT_S = 180.0


def test_real_hours_come_out_equal_in_all_stores(
    stack: LocalStack,
    namespace: Namespace,
    hdfs_spark: SparkSession,
    exchange_server: Callable[..., ExchangeServer],
    tmp_path: Path,
) -> None:
    settings = bundle_of(stack.environment(), namespace, tmp_path, symbols=SYMBOLS, speed=SPEED)
    ensure_topics(settings.kafka, settings.run)
    context = context_of(settings)
    folder = tmp_path / "hourly"
    write_window(HOURLY, folder, SYMBOLS, START, HOURS, MOST_TRADES)
    exchange = exchange_server(
        symbols=",".join(SYMBOLS),
        history_dir=folder,
        live_from_history="true",
        start=START.isoformat(),
        speed=SPEED,
        hold="true",
        trades_per_hour=600,
    )
    information = httpx.get(f"{exchange.rest_url}/api/v3/exchangeInfo", timeout=10).json()
    record = real_hours(HOURLY, units_of(information), START, HOURS, MOST_TRADES)
    assert len(record) == len(SYMBOLS) * (HOURS - 1)

    with (
        running_query(hdfs_spark, context),
        producer(settings, exchange, tmp_path / "logs") as run,
    ):
        eventually(run.is_healthy, WAIT_S, message="the producer's streams")
        exchange.post("/clock/start")
        last_ms = epoch_ms(START) + (HOURS - 1) * HOUR_MS
        eventually(
            lambda: {
                symbol for symbol, open_ms, _ in in_postgres(context) if open_ms >= last_ms
            }.issuperset(SYMBOLS),
            WAIT_S,
            message="the last hour",
        )

    compared = compare_with_record(
        record,
        {
            "postgres": from_postgres(context.postgres, namespace),
            "parquet": from_parquet(context.hdfs, namespace),
            "topic": from_topic(context.kafka, namespace),
        },
    )
    assert compared.differences == []
    assert compared.quiet == len(SYMBOLS)
    assert compared.quote_volumes >= 40  # all but DOT's and the quiet ones
    assert compared.counts > len(SYMBOLS)  # more than the quiet ones
