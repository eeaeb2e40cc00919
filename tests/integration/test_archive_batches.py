"""Batches of the archive that come again, end anywhere, or come from another checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from conf.connections.hdfs import open_hdfs
from conf.connections.hdfs_folders import files_below
from conf.names import DAY_MS, HOUR_MS
from producers.topics import ensure_topics
from streaming.archive.reader import read_hour
from streaming.context import PipelineContext
from streaming.errors import SinkError
from tests.support.archive_run import (
    StoppedError,
    archive_context,
    batch,
    contents,
    dead_letters_of,
    kafka_rows,
    places,
    rows_of,
    sink_of,
)
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR, closing, trade
from tests.support.candle_run import context_of, execute

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.integration

POINTS = ("staged", "noted", "file_published", "published", "before_commit", "after_commit")
TRADES = [
    trade(1, "2.5", at_ms=HOUR, symbol="ETHUSDT"),
    trade(8, "101", "0.00000001", at_ms=HOUR + 1),
    trade(7, "100", at_ms=HOUR),
    trade(9, "102", at_ms=HOUR + HOUR_MS),
]
LATE = trade(2, "1", at_ms=HOUR - 8 * DAY_MS, received_ms=HOUR)
RECORDS = [*TRADES, closing(TRADES[1:3]), LATE, b"garbage", None]
REPAIRS = "SELECT symbol, requests FROM repair"


@pytest.fixture
def context(settings: Bundle) -> PipelineContext:
    ensure_topics(settings.kafka, settings.run)
    # The late record's day is long closed; compaction has tests of its own.
    return archive_context(context_of(settings), compact_after_minutes=10**6)


def test_a_batch_that_ends_anywhere_leaves_the_same_files(
    hdfs_spark: SparkSession, context: PipelineContext
) -> None:
    rows = kafka_rows(hdfs_spark, RECORDS)
    for number, point in enumerate(POINTS):
        with pytest.raises(StoppedError):
            sink_of(context, f"{point}:1").store(rows, batch(number))
        again = sink_of(context)
        again.store(rows, batch(number))
        after = contents(context)
        again.store(rows, batch(number))
        sink_of(context).store(rows, batch(number))
        assert contents(context) == after, point
        mine = [path for path in after if f"/{batch(number).stem}-" in path]
        assert len(mine) == 3 + 1, (point, mine)  # hours of trades, of markers
        assert not [path for path in after if path.startswith("staging/")], point
        # The repair is asked for with the commit, once.
        assert execute(context, REPAIRS) == [("BTCUSDT", number + 1)], point
    letters = dead_letters_of(context)
    assert {letter.offset for letter in letters} == {6, 7}
    assert {letter.raw for letter in letters} == {b"garbage", b""}
    assert len(letters) >= 2 * len(POINTS)


def test_files_are_sorted_and_exact(hdfs_spark: SparkSession, context: PipelineContext) -> None:
    sink = sink_of(archive_context(context, csv=True, compact_after_minutes=10**6))
    sink.store(kafka_rows(hdfs_spark, RECORDS), batch())
    figures = sink.figures
    assert figures is not None
    assert (figures.read, figures.trades, figures.markers, figures.dead_letters) == (8, 5, 1, 2)
    assert (figures.late, dict(figures.rejected)) == (1, {"malformed": 2})
    rows = [row for row in rows_of(context) if row["trade_id"] != 2]
    assert [(row["symbol"], row["trade_id"], str(row["price"])) for row in rows] == [
        ("BTCUSDT", 7, "100.00000000"),
        ("BTCUSDT", 8, "101.00000000"),
        ("ETHUSDT", 1, "2.50000000"),
        ("BTCUSDT", 9, "102.00000000"),
    ]
    text = contents(context)[f"trades-csv/date=2026-01-01/hour=00/{batch().file(0, 'csv')}"]
    assert text.decode().splitlines() == [
        "symbol,trade_id,price,quantity,buyer_is_maker,trade_time,event_time,received_time,source,"
        "kafka_partition,kafka_offset",
        *(
            f"{symbol},{number},{price},{quantity},false,{time},{time},{time},STREAM,0,{offset}"
            for symbol, number, price, quantity, time, offset in (
                ("BTCUSDT", 7, "100.00000000", "1.00000000", "2026-01-01T00:00:00.000Z", 2),
                ("BTCUSDT", 8, "101.00000000", "0.00000001", "2026-01-01T00:00:00.001Z", 1),
                ("ETHUSDT", 1, "2.50000000", "1.00000000", "2026-01-01T00:00:00.000Z", 0),
            )
        ),
    ]


def test_an_attempt_that_brought_other_files_leaves_none(
    hdfs_spark: SparkSession, context: PipelineContext
) -> None:
    with pytest.raises(StoppedError):
        sink_of(context, "published:1").store(kafka_rows(hdfs_spark, RECORDS), batch())
    assert len(rows_of(context)) == 5
    sink_of(context).store(kafka_rows(hdfs_spark, TRADES[:1]), batch())
    assert places(rows_of(context)) == [(0, 0)]
    assert rows_of(context, "markers") == []


def test_checkpoints_do_not_meet_and_what_one_left_unfinished_goes(
    hdfs_spark: SparkSession, context: PipelineContext
) -> None:
    rows = kafka_rows(hdfs_spark, TRADES)
    old = sink_of(context)
    old.store(rows, batch(0, "old-1"))
    with pytest.raises(StoppedError):
        sink_of(context, "published:1").store(
            kafka_rows(hdfs_spark, TRADES, first_offset=4), batch(1, "old-1")
        )
    sink_of(context).store(rows, batch(0, "new-1"))
    # Batch 0 of both is there, by its own names; the unfinished one is read again by the new one.
    names = {path.rsplit("/", 1)[1] for path in contents(context) if path.startswith("trades/")}
    assert names == {"old-1-0-00000.parquet", "new-1-0-00000.parquet"}
    assert places(rows_of(context)) == sorted(2 * [(0, offset) for offset in range(4)])
    found = read_hour(open_hdfs(context.hdfs), context.namespace, "BTCUSDT", HOUR)
    assert [one.trade_id for one in found] == [7, 8]


def test_a_record_that_is_not_written_stops_the_batch(
    hdfs_spark: SparkSession, context: PipelineContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(written: Callable[..., int]) -> Callable[..., int]:
        return lambda *given: written(*given) - 1

    monkeypatch.setattr("streaming.archive.sink.rows_in", losing(lambda *_: 2))
    with pytest.raises(SinkError, match="8 records read"):
        sink_of(context).store(kafka_rows(hdfs_spark, RECORDS), batch())
    assert files_below(open_hdfs(context.hdfs), context.namespace.archive_dir) == []
    assert execute(context, "SELECT 1 FROM sink_commit") == []
