"""`python -m model.projection.job`: hourly history on HDFS → the fan from the last midnight, in Postgres.

Everything comes from the environment. Exit codes: 0 written, 2 something that it needs is missing (one
line says what).
"""

from __future__ import annotations

import io
import sys
from contextlib import closing

import pandas as pd
import psycopg2
import pyarrow.parquet as pq
import requests
import structlog
from fsspec.implementations.webhdfs import WebHDFS
from pydantic import ValidationError

from conf.connections.hdfs import open_hdfs, read_file
from conf.connections.postgres import connect
from conf.logs import configure_logging
from conf.model import ModelSettings
from conf.names import Namespace
from conf.settings import HdfsSettings, PostgresSettings, RunSettings
from model.projection.serve import project
from model.projection.store import write_projection

log = structlog.get_logger(__name__)

EXIT_MISSING = 2


def read_closes(files: WebHDFS, namespace: Namespace, symbols: tuple[str, ...]) -> pd.DataFrame:
    """Return the columns symbol, open_time (UTC) and close of all coins that have a history.

    Raises:
        FileNotFoundError: if none has.
        OSError: if HDFS does not answer.
    """
    parts = []
    for symbol in symbols:
        try:
            content = read_file(files, namespace.history_file(symbol))
        except FileNotFoundError:  # a coin listed only now
            continue
        table = pq.read_table(io.BytesIO(content), columns=["open_time", "close"])
        parts.append(table.to_pandas().assign(symbol=symbol))
    if not parts:
        message = f"no history such as {namespace.history_file(symbols[0])}"
        raise FileNotFoundError(message)
    closes: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return closes


def main() -> int:
    """Run the job from the environment; returns the exit code."""
    configure_logging()
    try:
        run, seed = RunSettings(), ModelSettings().seed
        namespace = Namespace(run.namespace)
        hours = read_closes(open_hdfs(HdfsSettings()), namespace, run.symbols)
        projection = project(hours, seed)
        with closing(connect(PostgresSettings(), namespace)) as connection:
            rows = write_projection(connection, projection, seed)
    except (
        ValidationError,
        ValueError,
        psycopg2.Error,
        requests.RequestException,
        OSError,
    ) as error:
        sys.stderr.write(f"projection: {str(error).splitlines()[0]}\n")
        return EXIT_MISSING
    log.info(
        "projection written",
        origin=projection.origin.isoformat(),
        rows=rows,
        left_out=list(projection.left_out),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
