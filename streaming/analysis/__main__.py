"""`python -m streaming.analysis`: the analysis now, in a Spark of its own; everything from the environment.

Exit codes: 0 written, 2 something that it needs is missing (one line says what).
"""

from __future__ import annotations

import sys

import psycopg2
from py4j.protocol import Py4JError
from pydantic import ValidationError
from pyspark.errors import PySparkException

from conf.connections.spark import build_session
from conf.logs import configure_logging
from streaming.analysis.job import analyse
from streaming.context import PipelineContext
from streaming.errors import StreamingError
from streaming.failures import one_line

CANNOT_RUN = 2


def main() -> int:
    """Run the analysis once; return the exit code."""
    configure_logging()
    try:
        context = PipelineContext.from_environment()
        session = build_session("nexthour-analysis", context.spark, context.hdfs)
        try:
            analyse(session, context)
        finally:
            session.stop()
    except (
        ValidationError,
        StreamingError,
        psycopg2.Error,
        OSError,
        PySparkException,
        Py4JError,
    ) as error:
        sys.stderr.write(f"analysis: {one_line(error)}\n")
        return CANNOT_RUN
    return 0


if __name__ == "__main__":
    sys.exit(main())
