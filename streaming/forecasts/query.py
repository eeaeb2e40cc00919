"""Put the forecast query together from its settings and start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from streaming.context import PipelineContext
from streaming.fingerprint import guard_checkpoint
from streaming.forecasts.batch import Clock, ForecastBatch
from streaming.forecasts.history_cache import HistoryCache
from streaming.forecasts.ledger import Ledger
from streaming.forecasts.models import ChampionSource, ModelWatcher
from streaming.forecasts.pending import Rules
from streaming.forecasts.scoring import HourScorer
from streaming.forecasts.stores import HdfsStore, KafkaStore
from streaming.forecasts.wake_ups import wake_ups
from streaming.gate import QueryRun

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

QUERY_NAME = "forecasts"
CLOCK_TIMEOUT_S = 2.0
# Looking for new candles a hundred times a second, Spark's default, cost more than all idle batches
# together (7 % of a core); an hour is not in such a hurry.
POLLING_DELAY = "100ms"


def start(
    session: SparkSession, context: PipelineContext, run: QueryRun | None = None
) -> StreamingQuery:
    """Start the query; it scores as soon as the registry has a champion.

    Args:
        session: the query's own: how often it looks for data is set on it.
        context: the settings.
        run: lets the query be stopped between two batches.

    Raises:
        StartError: if the query does not fit its checkpoint.

    Returns:
        The running query, named `forecasts`. Guarantee: see `ForecastBatch`.
    """
    models = build_watcher(context)
    handler = build_handler(context, models)
    run = run or QueryRun()
    run.at_end(handler.close)
    guard_checkpoint(context, QUERY_NAME, _shape(context), is_stateful=False)
    session.conf.set("spark.sql.streaming.pollingDelay", POLLING_DELAY)
    query = (
        wake_ups(session, context.kafka, context.namespace)
        .writeStream.queryName(QUERY_NAME)
        .option(
            "checkpointLocation", f"{context.hdfs.url}{context.namespace.checkpoint(QUERY_NAME)}"
        )
        .foreachBatch(run.gated(handler))
        .start()
    )
    models.start(lambda: bool(query.isActive))
    return query


def _shape(context: PipelineContext) -> dict[str, str]:
    """Return what the checkpoint depends on: what is read; there is no state."""
    return {"topic": context.namespace.candles_topic, "clock": "rate"}


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
