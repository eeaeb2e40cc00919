"""Put the forecast query together from its settings and start it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from conf.connections.hdfs import open_hdfs
from model.registry import CHAMPION, SHADOW
from streaming.context import PipelineContext
from streaming.fingerprint import guard_checkpoint
from streaming.forecasts.batch import Clock, ForecastBatch
from streaming.forecasts.exogenous import ExogenousColumns
from streaming.forecasts.history_cache import HistoryCache
from streaming.forecasts.ledger import Ledger
from streaming.forecasts.ledger_rows import LIVE
from streaming.forecasts.ledger_rows import SHADOW as SHADOW_KIND
from streaming.forecasts.models import AliasSource, ModelWatcher
from streaming.forecasts.pending import Rules
from streaming.forecasts.score_ledger import ScoreLedger
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
# A shadow version takes the milliseconds that a champion does; one that hangs must not hold up the
# next hour, and is found out by its refusals.
SHADOW_TIMEOUT_S = 2.0


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
    models, shadows = build_watcher(context, CHAMPION), build_watcher(context, SHADOW)
    handler = build_handler(context, models, shadows)
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
    for watcher in (models, shadows):
        watcher.start(lambda: bool(query.isActive))
    return query


def _shape(context: PipelineContext) -> dict[str, str]:
    """Return what the checkpoint depends on: what is read; there is no state."""
    return {"topic": context.namespace.candles_topic, "clock": "rate"}


def build_watcher(context: PipelineContext, alias: str = CHAMPION) -> ModelWatcher:
    """Return the watcher of an alias of the registry, not started."""
    source = AliasSource(context.s3, context.namespace, alias)
    return ModelWatcher(source, _staging(context) / "models" / alias)


def build_handler(
    context: PipelineContext, models: ModelWatcher, shadows: ModelWatcher | None = None
) -> ForecastBatch:
    """Return the handler with its stores; connections are opened when first needed.

    Args:
        context: the settings.
        models: of what serves.
        shadows: of what is tried beside it; nothing is if None.
    """
    symbols = context.run.symbols
    settings = context.forecast
    history = HistoryCache(symbols, settings.history_hours)
    hdfs = HdfsStore(context.hdfs, context.namespace)
    ledger = Ledger(context.postgres, context.namespace, symbols)
    exogenous = ExogenousColumns(open_hdfs(context.hdfs), context.namespace)

    def scorer(timeout_s: float, kind: str) -> HourScorer:
        staging = _staging(context) / "hours"
        return HourScorer(symbols, history, hdfs, staging, timeout_s, exogenous, kind)

    return ForecastBatch(
        rules=Rules.of(
            symbols, settings.close_grace_s, settings.close_grace_floor_s, context.run.speed
        ),
        models=models,
        shadows=shadows or build_watcher(context, SHADOW),
        clock=Clock(httpx.Client(timeout=CLOCK_TIMEOUT_S), context.exchange, context.run.speed),
        ledger=ledger,
        scores=ScoreLedger(ledger.connection, symbols),
        history=history,
        scorer=scorer(settings.scoring_timeout_s, LIVE),
        shadow_scorer=scorer(SHADOW_TIMEOUT_S, SHADOW_KIND),
        hdfs=hdfs,
        kafka=KafkaStore(context.kafka, context.namespace),
    )


def _staging(context: PipelineContext) -> Path:
    return context.forecast.staging_dir or context.run.var_dir / "staging"
