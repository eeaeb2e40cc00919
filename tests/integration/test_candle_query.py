"""The candles query on a real broker, HDFS and Postgres."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from conf.connections.hdfs import open_hdfs
from conf.contracts.candles import Candle
from conf.names import HOUR_MS
from producers.topics import ensure_topics
from streaming.candles.query import build_sink
from streaming.candles.table import Batch
from streaming.candles.verdict import judge, read_hour
from streaming.context import PipelineContext
from streaming.reconcile.readers import read_topic
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR, SCHEMA_ID, closing, trade
from tests.support.candle_rows import TRADES, row
from tests.support.candle_run import (
    context_of,
    execute,
    in_all_stores,
    in_postgres,
    running_query,
)
from tests.support.candle_topic import TradeWriter
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.integration

WAIT_S = 90.0
NEXT = HOUR + HOUR_MS


@pytest.fixture
def context(settings: Bundle) -> PipelineContext:
    ensure_topics(settings.kafka, settings.run)
    return context_of(settings)


@pytest.fixture
def writer(context: PipelineContext) -> TradeWriter:
    return TradeWriter(context.kafka, context.namespace)


def expected(symbol: str, open_ms: int, revision: int, **figures: object) -> Candle:
    """Return the candle of the made-up rows, computed without Spark."""
    candle = judge(read_hour(row(TRADES) | {"symbol": symbol, "open_time_ms": open_ms} | figures))
    fields = {name: getattr(candle, name) for name in Candle.__slots__}
    return Candle(**fields | {"revision": revision})


def records(symbol: str, open_ms: int) -> list:
    trades = [
        trade(10, "100.5", "0.1", at_ms=open_ms, symbol=symbol),
        trade(11, "101.25", "2", at_ms=open_ms + 7, symbol=symbol, is_taker_sale=True),
        trade(12, "99", "0.00000001", at_ms=open_ms + HOUR_MS - 1, symbol=symbol),
    ]
    return [*trades, closing(trades, symbol=symbol, open_time_ms=open_ms)]


def test_from_the_topic_to_all_three_stores(
    hdfs_spark: SparkSession, context: PipelineContext, writer: TradeWriter
) -> None:
    garbage = [b"", b"{}", struct.pack(">bI", 0, SCHEMA_ID) + b"\xff" * 30]
    writer.write(records("BTCUSDT", HOUR) + records("ETHUSDT", HOUR), garbage)
    wanted = {
        ("BTCUSDT", HOUR, 1): expected("BTCUSDT", HOUR, 1),
        ("ETHUSDT", HOUR, 1): expected("ETHUSDT", HOUR, 1),
    }
    with running_query(hdfs_spark, context) as query:
        eventually(lambda: in_postgres(context) == wanted, WAIT_S, message="first candles")
        assert in_all_stores(context) == dict.fromkeys(("postgres", "parquet", "topic"), wanted)

        # An open transaction is not read, and does not hold back another partition's symbols.
        other = TradeWriter(context.kafka, context.namespace, "2/2")
        other.begin(records("XRPUSDT", HOUR))
        writer.write(records("BTCUSDT", NEXT))
        wanted["BTCUSDT", NEXT, 1] = expected("BTCUSDT", NEXT, 1)
        eventually(lambda: in_postgres(context) == wanted, WAIT_S, message="beside an open one")
        other.abort()
        other.write(records("DOGEUSDT", HOUR))
        wanted["DOGEUSDT", HOUR, 1] = expected("DOGEUSDT", HOUR, 1)
        eventually(lambda: in_postgres(context) == wanted, WAIT_S, message="after the abort")

        # A trade after the CLOSE changes the hour: the next revision, the first one stays.
        writer.write([trade(13, "98", at_ms=HOUR + 9)])
        eventually(lambda: ("BTCUSDT", HOUR, 2) in in_postgres(context), WAIT_S)
        stores = in_all_stores(context)
        assert stores["postgres"] == stores["parquet"] == stores["topic"]
        changed = stores["postgres"]["BTCUSDT", HOUR, 2]
        assert changed.verdict == "disputed"
        assert changed.trades == 4
        assert stores["postgres"]["BTCUSDT", HOUR, 1] == wanted["BTCUSDT", HOUR, 1]

        # Running hours are in Postgres alone, and say that they are provisional.
        writer.write([trade(14, "97.5", at_ms=NEXT + HOUR_MS)])
        running = "SELECT close, verdict FROM candle WHERE status = 'provisional'"
        eventually(lambda: [(str(c), v) for c, v in execute(context, running)] != [], WAIT_S)
        assert [(float(str(close)), verdict) for close, verdict in execute(context, running)] == [
            (97.5, None)
        ]
        assert query.exception() is None


def test_failing_store_stops_the_query_and_the_restart_catches_up(
    hdfs_spark: SparkSession, context: PipelineContext, writer: TradeWriter
) -> None:
    writer.write(records("BTCUSDT", HOUR))
    execute(context, "ALTER TABLE sink_commit RENAME TO hidden")
    with running_query(hdfs_spark, context) as query:
        eventually(lambda: not query.isActive, WAIT_S, message="the query stops")
        assert query.exception() is not None
    assert in_postgres(context) == {}
    execute(context, "ALTER TABLE hidden RENAME TO sink_commit")
    wanted = {("BTCUSDT", HOUR, 1): expected("BTCUSDT", HOUR, 1)}
    with running_query(hdfs_spark, context):
        eventually(lambda: in_postgres(context) == wanted, WAIT_S, message="caught up")
    # Files and messages of the failed attempt were replaced, not doubled.
    assert in_all_stores(context) == dict.fromkeys(("postgres", "parquet", "topic"), wanted)
    checkpoints = execute(context, "SELECT query, batch_id >= 0 FROM sink_commit")
    assert checkpoints == [("candles", True)]


def test_repeated_batch_leaves_the_same_files_rows_and_messages(context: PipelineContext) -> None:
    def state() -> tuple[object, ...]:
        files = open_hdfs(context.hdfs)
        root = f"{context.namespace.hdfs_root}/candles/date=2026-01-01"
        contents = {path: files.cat_file(path) for path in files.ls(root, detail=False)}
        rows = execute(context, "SELECT * FROM candle ORDER BY symbol, open_time, revision")
        messages = list(read_topic(context.kafka, context.namespace.candles_topic))
        return contents, rows, messages, execute(context, "SELECT query, batch_id FROM sink_commit")

    rows = [row(TRADES), row(TRADES) | {"symbol": "ETHUSDT"}]
    batch = Batch("candles", "a-checkpoint", 7)
    first = build_sink(context)
    first.store(rows, batch)
    before = state()
    assert len(before[0]) == 2  # type: ignore[arg-type] # a dict
    first.store(rows, batch)
    assert state() == before
    build_sink(context).store(rows, batch)  # another process after a crash
    assert state() == before
    build_sink(context).store(rows, Batch("candles", "new-checkpoint", 0))  # all read anew
    assert state()[:3] == before[:3]
