"""Avro's readers of ended tasks are let go; without that they stay for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streaming.trades.decode import decode_records
from streaming.trades.readers import ReaderCache
from tests.support.archive_run import kafka_rows
from tests.support.candle_records import HOUR, SCHEMA_ID, trade

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark


def decode(frame: DataFrame, _batch_id: int = 0) -> None:
    assert decode_records(frame, SCHEMA_ID).where("kind = 'TRADE'").count() == 2


def test_readers_pile_up_until_they_are_cleared(spark: SparkSession) -> None:
    cache = ReaderCache(spark)
    cache.clear()
    rows = kafka_rows(spark, [trade(1, "1", at_ms=HOUR), trade(2, "2", at_ms=HOUR)])
    for _ in range(3):
        decode(rows)
    spark.sparkContext._jvm.java.lang.System.gc()
    assert len(cache) >= 3  # Avro does not do it: once it does, all of this can go
    handle = cache.emptied_after(decode)
    for batch_id in range(3):
        handle(rows, batch_id)
        assert len(cache) == 0
