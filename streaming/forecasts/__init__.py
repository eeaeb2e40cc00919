"""The forecast query: closed hours → features → Petastorm → LSTM → next-hour closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streaming.context import PipelineContext

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from streaming.gate import QueryRun


def start(
    session: SparkSession, context: PipelineContext, run: QueryRun | None = None
) -> StreamingQuery:
    """Start the query; it scores as soon as the registry has a champion.

    Returns:
        The running query, named `forecasts`. Guarantee: see `batch.ForecastBatch`.
    """
    # here, so that the pure modules of this package can be used without Kafka, HDFS and S3
    from streaming.forecasts.query import start as start_query

    return start_query(session, context, run)
