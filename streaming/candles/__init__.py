"""The candles query: one job per module, `query.start` puts them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streaming.context import PipelineContext

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from streaming.candles.balance import CandleBalance
    from streaming.gate import QueryRun


def start(
    session: SparkSession,
    context: PipelineContext,
    run: QueryRun | None = None,
    balance: CandleBalance | None = None,
) -> StreamingQuery:
    """Start the query, named `candles`, see `query.start`. Guarantee: see `sink`."""
    # here, so that the pure modules of this package can be used without Spark and the stores
    from streaming.candles.query import start as start_query

    return start_query(session, context, run, balance)
