"""The archive query: every record of the topic `trades` is kept as a file or becomes a dead letter."""

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
    """Start the query, named `archive`. Guarantee: see `sink`."""
    # here, so that the reader can be used without Spark
    from streaming.archive.query import start as start_query

    return start_query(session, context, run)
