"""Closed days are compacted and old ones removed; whoever reads sees a day whole, and once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pytest
from fsspec.implementations.webhdfs import WebHDFS

from conf.connections.hdfs import open_hdfs
from conf.connections.hdfs_folders import copy_to_local
from conf.names import DAY_MS, HOUR_MS
from producers.topics import ensure_topics
from streaming.archive.reader import read_hour
from streaming.archive.schema import TRADES as COLUMNS
from streaming.context import PipelineContext
from tests.support.archive_run import (
    StoppedError,
    archive_context,
    batch,
    compactor_of,
    contents,
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

DAY = "2026-01-01"
SWAP_POINTS = (
    "merged",
    "swap_noted",
    "old_away",
    "file_carried",
    "new_in_place",
    "old_removed",
)
FIRST = [
    trade(3, "101", at_ms=HOUR + 3),
    trade(1, "2.5", at_ms=HOUR, symbol="ETHUSDT"),
    trade(6, "99", at_ms=HOUR + 5 * HOUR_MS),
    closing([]),
]
SECOND = [
    trade(2, "100.00000001", at_ms=HOUR + 2),
    trade(4, "102", at_ms=HOUR + 4),
    closing([], symbol="ETHUSDT"),
]
ALL = [(0, 0), (0, 1), (0, 2), (0, 10), (0, 11)]


@pytest.fixture
def context(settings: Bundle) -> PipelineContext:
    ensure_topics(settings.kafka, settings.run)
    return archive_context(context_of(settings))


@pytest.fixture
def files(context: PipelineContext) -> WebHDFS:
    return open_hdfs(context.hdfs)


def fill(session: SparkSession, context: PipelineContext) -> None:
    sink = sink_of(context)
    sink.store(kafka_rows(session, FIRST), batch(0))
    sink.store(kafka_rows(session, SECOND, first_offset=10), batch(1))


def names(context: PipelineContext, tree: str = "trades") -> list[str]:
    return [path for path in contents(context) if path.startswith(f"{tree}/")]


def ids(files: WebHDFS, context: PipelineContext) -> list[int]:
    found = read_hour(files, context.namespace, "BTCUSDT", HOUR)
    return [one.trade_id for one in found]


def test_interrupted_at_any_step_a_day_is_whole_and_once(
    hdfs_spark: SparkSession, context: PipelineContext, files: WebHDFS
) -> None:
    fill(hdfs_spark, context)
    assert len(names(context)) == 3
    number, offset = 2, 20
    seen = list(ALL)
    for point in SWAP_POINTS:
        with pytest.raises(StoppedError):
            compactor_of(context, f"{point}:1").compact(hdfs_spark, DAY)
        # Never half a day and nothing twice, not even between two steps.
        assert places(rows_of(context)) in (seen, []), point
        # A batch that comes then carries the swap to its end and lands in the day.
        more = [trade(number + 10, "1", at_ms=HOUR + number), closing([], symbol=f"X{number}")]
        sink_of(context).store(kafka_rows(hdfs_spark, more, first_offset=offset), batch(number))
        seen.append((0, offset))
        assert places(rows_of(context)) == seen, point
        assert ids(files, context) == [2, 3, 4, *range(12, number + 11)], point
        number, offset = number + 1, offset + 10
    assert compactor_of(context).compact(hdfs_spark, DAY)
    assert places(rows_of(context)) == seen
    assert len(rows_of(context, "markers")) == 2 + len(SWAP_POINTS)
    assert len(names(context)) == 2
    assert len(names(context, "markers")) == 1
    assert not [path for path in contents(context) if path.startswith("staging/")]
    rows = [(row["symbol"], row["trade_id"]) for row in rows_of(context)]
    assert rows[:-1] == sorted(rows[:-1])
    before = contents(context)
    assert compactor_of(context).compact(hdfs_spark, DAY)
    assert contents(context) == before


def test_two_checkpoints_are_kept_once_and_an_unfinished_batch_waits(
    hdfs_spark: SparkSession, context: PipelineContext
) -> None:
    fill(hdfs_spark, context)
    sink_of(context).store(kafka_rows(hdfs_spark, FIRST), batch(0, "new-1"))
    with pytest.raises(StoppedError):
        sink_of(context, "before_commit:1").store(
            kafka_rows(hdfs_spark, SECOND, first_offset=10), batch(1, "new-1")
        )
    before = contents(context)
    assert not compactor_of(context).compact(hdfs_spark, DAY)
    assert contents(context) == before
    sink_of(context).store(kafka_rows(hdfs_spark, SECOND, first_offset=10), batch(1, "new-1"))
    assert compactor_of(context).compact(hdfs_spark, DAY)
    assert places(rows_of(context)) == ALL
    assert len(rows_of(context, "markers")) == 2


def test_the_query_compacts_closed_days_and_removes_expired_ones(
    hdfs_spark: SparkSession, context: PipelineContext
) -> None:
    fill(hdfs_spark, context)
    kept = archive_context(context, compact_after_minutes=60, retention_days=8)
    sink = sink_of(kept)
    hour_after = HOUR + DAY_MS + HOUR_MS
    early = trade(50, "1", at_ms=HOUR + DAY_MS, received_ms=hour_after - 1)
    sink.store(kafka_rows(hdfs_spark, [early], first_offset=50), batch(2))
    assert len(names(context)) == 4
    due = trade(51, "1", at_ms=hour_after, received_ms=hour_after)
    sink.store(kafka_rows(hdfs_spark, [due], first_offset=51), batch(3))
    assert [path.split("/")[1:3] for path in names(context)] == [
        ["date=2026-01-01", "hour=00"],
        ["date=2026-01-01", "hour=05"],
        ["date=2026-01-02", "hour=00"],
        ["date=2026-01-02", "hour=01"],
    ]
    assert places(rows_of(context)) == [*ALL, (0, 50), (0, 51)]
    late = trade(52, "1", at_ms=HOUR + 9 * DAY_MS)
    sink.store(kafka_rows(hdfs_spark, [late], first_offset=52), batch(4))
    assert {path.split("/")[1] for path in contents(context)} == {
        "date=2026-01-02",
        "date=2026-01-10",
    }
    assert execute(context, "SELECT query, batch_id FROM sink_commit") == [("archive", 4)]


def test_spark_pandas_arrow_and_duckdb_read_the_same(
    hdfs_spark: SparkSession, context: PipelineContext, files: WebHDFS, tmp_path: Path
) -> None:
    fill(hdfs_spark, context)
    root = context.namespace.archive_dir
    by_spark = hdfs_spark.read.parquet(f"{context.hdfs.url}{root}").orderBy("kafka_offset")
    spark_rows = [
        (row["symbol"], row["trade_id"], row["price"], row["hour"]) for row in by_spark.collect()
    ]
    dataset = ds.dataset(root, filesystem=files, format="parquet", partitioning="hive")
    assert dataset.schema.remove_metadata().names == [*COLUMNS.names, "date", "hour"]
    assert all(dataset.schema.field(field.name).type == field.type for field in COLUMNS)
    table = dataset.to_table().sort_by("kafka_offset")
    arrow_rows = [
        (row["symbol"], row["trade_id"], row["price"], row["hour"]) for row in table.to_pylist()
    ]
    copies = {
        hour: copy_to_local(files, f"{root}/{folder}", tmp_path / folder)
        for hour, folder in ((hour, f"date={DAY}/hour={hour:02d}") for hour in (0, 5))
    }
    frame = pd.concat(
        pd.read_parquet(path).assign(hour=hour) for hour, paths in copies.items() for path in paths
    ).sort_values("kafka_offset")
    pandas_rows = list(
        zip(frame["symbol"], frame["trade_id"], frame["price"], frame["hour"], strict=True)
    )
    duckdb_rows = duckdb.sql(
        "SELECT symbol, trade_id, price, hour::int FROM "
        f"read_parquet('{tmp_path}/*/*/*.parquet', hive_partitioning = true) ORDER BY kafka_offset"
    ).fetchall()
    assert spark_rows == arrow_rows == pandas_rows == duckdb_rows
    assert [row[1] for row in spark_rows] == [3, 1, 6, 2, 4]
    assert str(frame["trade_time"].dtype) == "datetime64[us, UTC]"
