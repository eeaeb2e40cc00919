"""`python -m streaming.history.refresh`: the history files as the table has them now, own candles included.

What a training reads. Guarantee: each file is replaced whole; equal rows make the same file, so that
windows of an unchanged history are not made again.
"""

from __future__ import annotations

import sys
from contextlib import closing

import psycopg2
import requests
import structlog
from pydantic import ValidationError

from conf.connections.hdfs import open_hdfs
from conf.connections.postgres import connect
from conf.logs import configure_logging
from conf.names import Namespace
from conf.settings import HdfsSettings, PostgresSettings, RunSettings
from streaming.failures import first_line
from streaming.history.files import write_file

log = structlog.get_logger(__name__)

CANNOT_START = 2


def refresh(run: RunSettings, hdfs: HdfsSettings, postgres: PostgresSettings) -> int:
    """Write the file of each symbol of the run; return the hours in all of them.

    Raises:
        OSError: if HDFS refuses a file.
        psycopg2.Error: if Postgres does not answer.
    """
    namespace, files = Namespace(run.namespace), open_hdfs(hdfs)
    with closing(connect(postgres, namespace)) as connection:
        return sum(write_file(connection, files, namespace, symbol) for symbol in run.symbols)


def main() -> int:
    """Refresh the files as the environment says; return the exit code (2: a person must act)."""
    configure_logging()
    try:
        hours = refresh(RunSettings(), HdfsSettings(), PostgresSettings())
    except (ValidationError, psycopg2.Error, requests.RequestException, OSError) as error:
        sys.stderr.write(f"history: {first_line(error)}\n")
        return CANNOT_START
    log.info("history files refreshed", hours=hours)
    return 0


if __name__ == "__main__":
    sys.exit(main())
