"""The history job against the stand-in exchange, HDFS and Postgres."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from conf.connections.hdfs import open_hdfs
from conf.names import epoch_ms
from tests.support.bundle import ROOT, Bundle
from tests.support.candle_run import context_of, execute
from tests.support.exchange import ExchangeServer

pytestmark = pytest.mark.integration

SYMBOLS = ("BTCUSDT", "DOGEUSDT", "USDCUSDT")
DAYS = 45  # more than one page of klines
FIGURES = (
    *("open", "high", "low", "close", "volume", "quote_volume"),
    *("taker_buy_volume", "taker_buy_quote_volume", "trades"),
)


def run_job(settings: Bundle, exchange: ExchangeServer, **changes: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "streaming.history"],
        env={
            **os.environ,
            **settings.environment,
            **exchange.environment,
            "NEXTHOUR_SYMBOLS": ",".join(SYMBOLS),
            "NEXTHOUR_HISTORY_DAYS": str(DAYS),
            **changes,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stderr


def test_history_equals_the_exchanges_book_and_may_be_repeated(
    settings: Bundle, exchange_server: Callable[..., ExchangeServer]
) -> None:
    exchange = exchange_server(
        hold=True, speed=180, symbols=",".join(SYMBOLS), history_hours=DAYS * 24
    )
    context = context_of(settings)
    columns = ", ".join(FIGURES)
    select = (
        f"SELECT symbol, open_time, {columns} FROM candle "
        "WHERE source = 'rest-klines' AND verdict = 'history' AND revision = 1"
    )
    assert run_job(settings, exchange)[0] == 0
    rows = {(row[0], epoch_ms(row[1])): row[2:] for row in execute(context, select)}  # type: ignore[arg-type] # a datetime
    end_ms = int(exchange.get("/status")["live_start_ms"])  # type: ignore[call-overload,index] # JSON
    for symbol in SYMBOLS:
        book: Any = exchange.get("/oracle/candles", symbol=symbol, start_ms=0, end_ms=end_ms)
        assert book
        expected = {
            (symbol, bar["open_time_ms"]): tuple(Decimal(str(bar[name])) for name in FIGURES)
            for bar in book
        }
        assert {key: row for key, row in rows.items() if key[0] == symbol} == expected
        content = open_hdfs(settings.hdfs).cat_file(context.namespace.history_file(symbol))
        table = pq.read_table(io.BytesIO(content)).to_pylist()
        assert [epoch_ms(line["open_time"]) for line in table] == sorted(
            open_ms for _, open_ms in expected
        )
        assert table[-1]["close"] == float(expected[symbol, epoch_ms(table[-1]["open_time"])][3])
    symbols = "SELECT symbol, status, position FROM symbol ORDER BY position"
    assert execute(context, symbols) == [
        (symbol, "TRADING", position) for position, symbol in enumerate(SYMBOLS)
    ]

    # Again: equal rows are not touched, own candles are never overridden, changed ones are mended.
    execute(
        context,
        "UPDATE candle SET source = 'trades', close = 1 WHERE open_time = "
        "(SELECT max(open_time) FROM candle) AND symbol = 'BTCUSDT'",
    )
    execute(
        context,
        "UPDATE candle SET close = 2 WHERE open_time = "
        "(SELECT min(open_time) FROM candle) AND symbol = 'BTCUSDT'",
    )
    stamps = "SELECT symbol, open_time, updated_at FROM candle WHERE close <> 2"
    before = set(execute(context, stamps))
    assert run_job(settings, exchange)[0] == 0
    assert before <= set(execute(context, stamps))
    assert execute(context, "SELECT count(*) FROM candle WHERE close = 2") == [(0,)]
    own = "SELECT count(*) FROM candle WHERE source = 'trades' AND close = 1"
    assert execute(context, own) == [(1,)]

    code, said = run_job(settings, exchange, NEXTHOUR_SYMBOLS="BTCUSDT,NOPEUSDT")
    assert code == 2
    assert "NOPEUSDT" in said
    assert len(said.strip().splitlines()) == 1
