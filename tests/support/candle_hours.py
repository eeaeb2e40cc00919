"""Raw values of the topic `trades` → aggregated hours and counts, as one batch on a local Spark."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import fastavro

from conf.contracts.candles import Candle
from conf.contracts.trade_schemas import RELEASED_SCHEMAS
from conf.contracts.trades import TradeRecord, encode
from conf.settings import CandleSettings
from streaming.candles.hours import candle_hours, judged_records, record_counts
from streaming.candles.verdict import judge, read_hour
from tests.support.candle_records import SCHEMA_ID

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def hours_of(
    spark: SparkSession, values: Iterable[bytes | None], speed: float = 1.0
) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the aggregated hours of raw values by symbol and open time, as one batch."""
    frame = spark.createDataFrame([(value,) for value in values], "value binary")
    hours = candle_hours(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=speed)
    return {(row.symbol, row.open_time_ms): row.asDict() for row in hours.collect()}


def counts_of(spark: SparkSession, values: Iterable[bytes | None]) -> dict[str, int]:
    """Return what the query's observation counts of raw values."""
    frame = spark.createDataFrame([(value,) for value in values], "value binary")
    judged = judged_records(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=1.0)
    counts = judged.agg(*record_counts()).first()
    assert counts is not None
    return counts.asDict()


def written_by(version: int, records: Iterable[TradeRecord], schema_id: int) -> list[bytes]:
    """Return what an earlier producer wrote, under whatever id."""
    schema = fastavro.parse_schema(json.loads(RELEASED_SCHEMAS[version]))
    messages = []
    for record in records:
        body = io.BytesIO()
        body.write(struct.pack(">bI", 0, schema_id))
        fastavro.schemaless_writer(body, schema, asdict(record))
        messages.append(body.getvalue())
    return messages


def wire(records: Iterable[TradeRecord]) -> list[bytes]:
    """Return what today's producer writes."""
    return [encode(record, SCHEMA_ID) for record in records]


def candle(row: dict[str, Any]) -> Candle:
    """Return the judged candle of an aggregated hour."""
    return judge(read_hour(row))
