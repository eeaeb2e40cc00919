"""The archive query on a real broker, HDFS and Postgres."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from conf.connections.hdfs import open_hdfs
from conf.contracts.trades import INT64_MAX
from conf.names import DAY_MS, HOUR_MS
from producers.topics import ensure_topics
from streaming.archive import start
from streaming.archive.reader import read_hour, read_range
from streaming.context import PipelineContext
from streaming.reconcile.readers import read_topic
from tests.support.archive_run import (
    archive_context,
    dead_letters_of,
    rows_of,
)
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR, SCHEMA_ID, closing, gap, trade
from tests.support.candle_run import context_of, execute
from tests.support.candle_topic import TradeWriter
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.integration

WAIT_S = 120.0
GARBAGE = [
    b"",
    b"{}",
    struct.pack(">bI", 0, SCHEMA_ID) + b"\xff" * 30,
    struct.pack(">bI", 0, 77) + b"abc",
]


@pytest.fixture
def context(settings: Bundle) -> PipelineContext:
    ensure_topics(settings.kafka, settings.run)
    return archive_context(context_of(settings), trigger_minutes=0.01)


def test_from_the_topic_to_files_and_dead_letters(
    hdfs_spark: SparkSession, context: PipelineContext
) -> None:
    writer = TradeWriter(context.kafka, context.namespace)
    trades = [
        trade(11, "101.25", "2", at_ms=HOUR + 7, is_taker_sale=True),
        trade(10, "92233720368.54775807", "0.00000001", at_ms=HOUR),
        trade(12, "99", "0.5", at_ms=HOUR + HOUR_MS),
    ]
    late = trade(3, "1", at_ms=HOUR - 8 * DAY_MS, received_ms=HOUR)
    future = trade(13, "1", at_ms=HOUR + HOUR_MS, received_ms=HOUR)
    writer.write([*trades, closing(trades[:2]), gap(20, 29), late, future], GARBAGE)
    query = start(hdfs_spark, context)
    try:
        eventually(
            lambda: not query.isActive or execute(context, "SELECT 1 FROM sink_commit"),
            WAIT_S,
            message="a batch is whole",
        )
        assert query.exception() is None
        writer.write([trade(14, "98", at_ms=HOUR + 9)])
        eventually(lambda: len(rows_of(context)) == 5, WAIT_S, message="a second batch")
        assert query.exception() is None
    finally:
        query.stop()
    files = open_hdfs(context.hdfs)
    found = read_hour(files, context.namespace, "BTCUSDT", HOUR)
    assert [(one.trade_id, one.price, one.quantity, one.trade_time_ms) for one in found] == [
        (10, Decimal(INT64_MAX).scaleb(-8), Decimal("0.00000001"), HOUR),
        (11, Decimal("101.25"), Decimal(2), HOUR + 7),
        (14, Decimal(98), Decimal(1), HOUR + 9),
    ]
    assert (found[1].buyer_is_maker, found[1].source, found[1].event_time_ms) == (
        True,
        "STREAM",
        HOUR + 7,
    )
    both = list(read_range(files, context.namespace, "BTCUSDT", HOUR + 7, HOUR + HOUR_MS + 1))
    assert [one.trade_id for one in both] == [11, 14, 12]
    markers = rows_of(context, "markers")
    assert sorted((row["kind"], row["first_id"], row["last_id"]) for row in markers) == [
        ("CLOSE", 10, 11),
        ("GAP", 20, 29),
    ]
    letters = dead_letters_of(context)
    codes = sorted(letter.reason.partition(":")[0] for letter in letters)
    assert codes == ["future", "malformed", "malformed", "malformed", "unknown_schema"]
    assert {letter.raw for letter in letters} >= set(GARBAGE)
    assert {letter.topic for letter in letters} == {context.namespace.trades_topic}
    assert len({(letter.partition, letter.offset) for letter in letters}) == 5
    assert [letter.symbol for letter in letters if letter.reason.startswith("future")] == [
        "BTCUSDT"
    ]
    wanted = "SELECT symbol, extract(epoch FROM open_time)::bigint * 1000, state FROM repair"
    assert execute(context, wanted) == [("BTCUSDT", HOUR - 8 * DAY_MS, "wanted")]
    incidents = list(read_topic(context.kafka, context.namespace.incidents_topic))
    assert [b'"late_trades"' in message for message in incidents] == [True]
