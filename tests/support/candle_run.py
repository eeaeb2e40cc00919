"""The candles query of one test namespace: its context, its three stores, its query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conf.connections.postgres import fetch
from conf.contracts.candles import Candle
from conf.settings import CandleSettings, ExchangeSettings, ForecastSettings
from streaming.candles import start
from streaming.context import PipelineContext
from streaming.reconcile.readers import from_parquet, from_postgres, from_topic
from tests.support.bundle import Bundle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

Key = tuple[str, int, int]


def context_of(settings: Bundle) -> PipelineContext:
    """Return the context of a test's namespace."""
    return PipelineContext(
        run=settings.run,
        exchange=ExchangeSettings(),
        kafka=settings.kafka,
        hdfs=settings.hdfs,
        postgres=settings.postgres,
        s3=settings.s3,
        spark=settings.spark,
        candle=CandleSettings(),
        forecast=ForecastSettings(),
    )


@contextmanager
def running_query(session: SparkSession, context: PipelineContext) -> Iterator[StreamingQuery]:
    """Run the candles query; it is stopped at the end whatever happens."""
    query = start(session, context)
    try:
        yield query
    finally:
        query.stop()


def in_postgres(context: PipelineContext) -> dict[Key, Candle]:
    """Return the final candles in Postgres by symbol, open time and revision."""
    return _by_key(from_postgres(context.postgres, context.namespace))


def in_all_stores(context: PipelineContext) -> dict[str, dict[Key, Candle]]:
    """Return the final candles of each store."""
    return {
        "postgres": in_postgres(context),
        "parquet": _by_key(from_parquet(context.hdfs, context.namespace)),
        "topic": _by_key(from_topic(context.kafka, context.namespace)),
    }


def execute(context: PipelineContext, statement: str) -> list[tuple[object, ...]]:
    """Run one statement in the namespace's schema and return its rows, if it has any."""
    return fetch(context.postgres, context.namespace, statement)


def _by_key(candles: Iterator[Candle]) -> dict[Key, Candle]:
    found: dict[Key, Candle] = {}
    for candle in candles:
        key = (candle.symbol, candle.open_time_ms, candle.revision)
        assert found.get(key, candle) == candle, f"two different candles {key}"
        found[key] = candle
    return found
