"""The candles query: one job per module, `query.start` puts them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streaming.context import PipelineContext

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery


def start(session: SparkSession, context: PipelineContext) -> StreamingQuery:
    """Start the query, named `candles`. Guarantee: see `sink`."""
    # here, so that the pure modules of this package can be used without Spark and the stores
    from streaming.candles.query import start as start_query

    return start_query(session, context)
