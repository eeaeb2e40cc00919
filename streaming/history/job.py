"""The history job: the exchange's last months → history files on HDFS and rows in Postgres."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import requests
import structlog
from pydantic import ValidationError

from conf.connections.hdfs import open_hdfs, write_replacing
from conf.connections.postgres import connect, migrate
from conf.contracts.errors import ContractError
from conf.history import HistorySettings
from conf.logs import configure_logging
from conf.names import Namespace
from conf.producer import ProducerSettings
from conf.settings import ExchangeSettings, HdfsSettings, PostgresSettings, RunSettings
from producers.errors import ProducerError
from producers.rest_client import RestClient
from streaming.failures import first_line
from streaming.history.fetch import History, fetch_history
from streaming.history.files import write_file
from streaming.history.ledger import backfilled_symbols
from streaming.history.stores import parquet_bytes, write_bars, write_symbols

log = structlog.get_logger(__name__)

CANNOT_START = 2
FILE_THREADS = 4


async def fetch(
    exchange: ExchangeSettings, symbols: Sequence[str], settings: HistorySettings
) -> History:
    """Ask the exchange for the history; see `fetch_history` for the errors."""
    client = ProducerSettings().model_copy(update={"rest_parallel": settings.concurrency})
    async with RestClient(exchange.rest_url, client) as rest:
        return await fetch_history(
            rest,
            symbols,
            settings.days,
            exchange.rest_url,
            lambda symbol, hours: log.info("history fetched", symbol=symbol, hours=hours),
        )


def store(
    history: History, namespace: Namespace, hdfs: HdfsSettings, postgres: PostgresSettings
) -> None:
    """Write the files, then the rows; may be repeated.

    Where more than these days was backfilled, the file is made from the table instead, so that the
    years in it stay.

    Raises:
        OSError: if HDFS refuses a file.
        psycopg2.Error: if Postgres refuses a row.
    """
    files = open_hdfs(hdfs)
    with closing(connect(postgres, namespace)) as connection:
        older = backfilled_symbols(connection) & set(history.bars)
    with ThreadPoolExecutor(FILE_THREADS) as pool:
        written = [
            pool.submit(write_replacing, files, namespace.history_file(symbol), parquet_bytes(bars))
            for symbol, bars in history.bars.items()
            if symbol not in older
        ]
        _store_rows(history, namespace, postgres)
        for file in written:
            file.result()
    if older:
        with closing(connect(postgres, namespace)) as connection:
            for symbol in sorted(older):
                write_file(connection, files, namespace, symbol)


def _store_rows(history: History, namespace: Namespace, postgres: PostgresSettings) -> None:
    migrate(postgres, namespace)
    connection = connect(postgres, namespace)
    try:
        write_symbols(connection, history.listings)
        for symbol, bars in history.bars.items():
            write_bars(connection, symbol, bars)
            log.info("history stored", symbol=symbol, hours=len(bars))
    finally:
        connection.close()


def main() -> int:
    """Load the history as the environment says; return the exit code (2: a person must act)."""
    configure_logging()
    started = time.monotonic()
    try:
        run, exchange, settings = RunSettings(), ExchangeSettings(), HistorySettings()
        history = asyncio.run(fetch(exchange, run.symbols, settings))
        store(history, Namespace(run.namespace), HdfsSettings(), PostgresSettings())
    except (
        ProducerError,
        ContractError,
        ValidationError,
        psycopg2.Error,
        requests.RequestException,
        OSError,
    ) as error:
        sys.stderr.write(f"history: {first_line(error)}\n")
        return CANNOT_START
    hours = sum(len(bars) for bars in history.bars.values())
    log.info(
        "history loaded",
        symbols=len(history.bars),
        hours=hours,
        seconds=round(time.monotonic() - started, 1),
    )
    return 0
