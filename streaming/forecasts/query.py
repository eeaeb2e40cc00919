"""Put the forecast query together from its settings and start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from streaming.context import PipelineContext
from streaming.forecasts.batch import Clock, ForecastBatch
from streaming.forecasts.history_cache import HistoryCache
from streaming.forecasts.ledger import Ledger
from streaming.forecasts.models import ChampionSource, ModelWatcher
from streaming.forecasts.pending import Rules
from streaming.forecasts.scoring import HourScorer
from streaming.forecasts.stores import HdfsStore, KafkaStore
from streaming.forecasts.wake_ups import wake_ups

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

QUERY_NAME = "forecasts"
CLOCK_TIMEOUT_S = 2.0
# Looking for new candles a hundred times a second, Spark's default, cost more than all idle batches
# together (7 % of a core); an hour is not in such a hurry. A session of its own keeps the candles
# query at the default.
POLLING_DELAY = "100ms"


def start(session: SparkSession, context: PipelineContext) -> StreamingQuery:
    """Start the query; it scores as soon as the registry has a champion.

    Returns:
        The running query, named `forecasts`. Guarantee: see `ForecastBatch`.
    """
    models = build_watcher(context)
    handler = build_handler(context, models)
    own = session.newSession()
    own.conf.set("spark.sql.streaming.pollingDelay", POLLING_DELAY)
    query = (
        wake_ups(own, context.kafka, context.namespace)
        .writeStream.queryName(QUERY_NAME)
        .option(
            "checkpointLocation", f"{context.hdfs.url}{context.namespace.checkpoint(QUERY_NAME)}"
        )
        .foreachBatch(handler)
        .start()
    )
    models.start(lambda: bool(query.isActive))
    return query


def build_watcher(context: PipelineContext) -> ModelWatcher:
    """Return the watcher of the registry's champion, not started."""
    staging = context.forecast.staging_dir or context.run.var_dir / "staging"
    return ModelWatcher(ChampionSource(context.s3, context.namespace), staging / "models")


def build_handler(context: PipelineContext, models: ModelWatcher) -> ForecastBatch:
    """Return the handler with its stores; connections are opened when first needed."""
    symbols = context.run.symbols
    settings = context.forecast
    staging = settings.staging_dir or context.run.var_dir / "staging"
    history = HistoryCache(symbols, settings.history_hours)
    hdfs = HdfsStore(context.hdfs, context.namespace)
    return ForecastBatch(
        rules=Rules.of(
            symbols, settings.close_grace_s, settings.close_grace_floor_s, context.run.speed
        ),
        models=models,
        clock=Clock(httpx.Client(timeout=CLOCK_TIMEOUT_S), context.exchange, context.run.speed),
        ledger=Ledger(context.postgres, context.namespace, symbols),
        history=history,
        scorer=HourScorer(symbols, history, hdfs, staging / "hours", settings.scoring_timeout_s),
        hdfs=hdfs,
        kafka=KafkaStore(context.kafka, context.namespace),
    )
