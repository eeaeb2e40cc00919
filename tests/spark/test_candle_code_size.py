"""What Spark makes of the candles query stays compilable: a huge generated method is interpreted for ever."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.settings import CandleSettings
from streaming.candles.hours import candle_hours
from tests.support.candle_records import SCHEMA_ID

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

LIMIT = 8_000
"""Bytes of a method above which HotSpot does not compile it, unless it is told to."""


def generated_code(spark: SparkSession) -> str:
    session = spark.newSession()
    session.conf.set("spark.sql.adaptive.enabled", "false")  # adaptive plans have no code yet
    # rows that the planner does not know: of an empty relation it makes no code either
    frame = session.range(10).select(F.col("id").cast("string").cast("binary").alias("value"))
    hours = candle_hours(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=1.0)
    explain = session._jvm.PythonSQLUtils.explainString
    return str(explain(hours._jdf.queryExecution(), "codegen"))


def test_no_generated_method_is_too_large_to_be_compiled(spark: SparkSession) -> None:
    text = generated_code(spark)
    sizes = [int(size) for size in re.findall(r"maxMethodCodeSize:(\d+)", text)]
    assert sizes, "no generated code: the query is interpreted"
    assert max(sizes) < LIMIT


def test_hours_are_found_by_the_quicker_of_the_two_hash_maps(spark: SparkSession) -> None:
    """Spark has it for buffers of 64 bits at most: one decimal(38) among forty, and it is gone."""
    assert "fastHashMap" in generated_code(spark)


def test_a_row_is_copied_once_for_the_counts_and_not_once_more_after_them(
    spark: SparkSession,
) -> None:
    rate = spark.readStream.format("rate").load()
    frame = rate.select(F.col("value").cast("string").cast("binary").alias("value"))
    hours = candle_hours(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=1.0, tasks=2)
    explain = spark._jvm.PythonSQLUtils.explainString
    steps = explain(hours._jdf.queryExecution(), "simple").splitlines()
    counting = next(number for number, step in enumerate(steps) if "CollectMetrics" in step)
    names = [re.sub(r"[^A-Za-z]*([A-Za-z]+).*", r"\1", step) for step in steps[:counting]]
    assert names[-3:] == ["Filter", "EventTimeWatermark", "Coalesce"]


def test_huge_methods_are_compiled_all_the_same(spark: SparkSession) -> None:
    options = spark.sparkContext.getConf().get("spark.driver.extraJavaOptions")
    assert options is not None
    assert "-XX:-DontCompileHugeMethods" in options


def test_the_first_compiler_alone_has_room_for_the_code_of_three_queries(
    spark: SparkSession,
) -> None:
    """They filled the 48 MB that it has by default, and compiled the same methods for ever."""
    management = spark._jvm.java.lang.management.ManagementFactory
    pools = {pool.getName(): pool for pool in management.getMemoryPoolMXBeans()}
    assert pools["CodeCache"].getUsage().getMax() >= 240 << 20
