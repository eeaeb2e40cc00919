"""Kafka bytes → aggregated hours → verdicts, as one batch on a local Spark."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from conf.contracts.trade_schemas import RELEASED_SCHEMAS
from conf.names import HOUR_MS
from conf.settings import CandleSettings
from streaming.candles.hours import candle_hours
from streaming.candles.verdict import read_hour
from tests.support.candle_hours import candle, hours_of, wire, written_by
from tests.support.candle_records import HOUR, SCHEMA_ID, closing, gap, trade

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_hours_of_two_symbols_whatever_the_order(spark: SparkSession) -> None:
    trades = [
        trade(10, "100.5", "0.1", at_ms=HOUR),
        trade(11, "101.25", "2", at_ms=HOUR + 5, is_taker_sale=True),
        trade(12, "99", "0.00000001", at_ms=HOUR + 5),
        trade(13, "100", "3", at_ms=HOUR + HOUR_MS - 1),
    ]
    later = [trade(14, "7", "1", at_ms=HOUR + HOUR_MS)]
    other = [trade(1, "0.5", "10", at_ms=HOUR + 1, symbol="XRPUSDT")]
    records = [
        *trades,
        *later,
        *other,
        closing(trades),
        closing(other, symbol="XRPUSDT"),
        closing(later, open_time_ms=HOUR + HOUR_MS),
    ]
    random.Random(3).shuffle(records)
    rows = hours_of(spark, wire(records))
    assert set(rows) == {("BTCUSDT", HOUR), ("BTCUSDT", HOUR + HOUR_MS), ("XRPUSDT", HOUR)}
    first = candle(rows["BTCUSDT", HOUR])
    assert first.verdict == "complete"
    assert first.reason is None
    assert (first.open, first.high, first.low, first.close) == (
        Decimal("100.5"),
        Decimal("101.25"),
        Decimal(99),
        Decimal(100),
    )
    assert first.volume == Decimal("5.10000001")
    assert first.quote_volume == Decimal("512.55000099")
    assert first.taker_buy_volume == Decimal("3.10000001")
    assert first.taker_buy_quote_volume == Decimal("310.05000099")
    assert (first.trades, first.first_trade_id, first.last_trade_id) == (4, 10, 13)
    assert candle(rows["BTCUSDT", HOUR + HOUR_MS]).open == 7
    assert candle(rows["XRPUSDT", HOUR]).verdict == "complete"


def test_records_of_every_schema_give_the_same_candle(spark: SparkSession) -> None:
    trades = [trade(1, "2"), trade(2, "3", is_taker_sale=True), trade(3, "1", "0.5")]
    close = closing(trades)
    newest = candle(hours_of(spark, wire([*trades, close]))["BTCUSDT", HOUR])
    assert newest.verdict == "complete"
    for version in RELEASED_SCHEMAS:
        old = written_by(version, [*trades, close], version)
        assert candle(hours_of(spark, old)["BTCUSDT", HOUR]) == newest
        mixed = [*written_by(version, trades[:2], version), *wire([trades[2], close])]
        assert candle(hours_of(spark, mixed)["BTCUSDT", HOUR]) == newest


def test_ids_of_a_registry_are_read_by_its_schemas(spark: SparkSession) -> None:
    """Its ids are any numbers, even those of other released versions; the present one's counts."""
    trades = [trade(1, "2"), trade(2, "3")]
    values = [*written_by(1, trades, 100_007), *written_by(2, [closing(trades)], 1)]
    frame = spark.createDataFrame([(value,) for value in values], "value binary")
    writers = {1: RELEASED_SCHEMAS[1], 100_007: RELEASED_SCHEMAS[1]}
    hours = candle_hours(frame, CandleSettings(), schema_id=1, writers=writers, speed=1.0)
    (row,) = hours.collect()
    assert candle(row.asDict()).verdict == "complete"


def test_a_time_that_falls_disputes_its_hour_alone(spark: SparkSession) -> None:
    first = [trade(1, "2", at_ms=HOUR + 9), trade(2, "3", at_ms=HOUR + 5, time_fell=True)]
    later = [trade(3, "5", at_ms=HOUR + HOUR_MS)]
    closes = [closing(first), closing(later, open_time_ms=HOUR + HOUR_MS)]
    rows = hours_of(spark, wire([*first, *later, *closes]))
    found = candle(rows["BTCUSDT", HOUR])
    assert (found.verdict, found.reason) == ("disputed", "trade time falls at 1 ids")
    assert (found.open, found.close) == (2, 3)
    assert candle(rows["BTCUSDT", HOUR + HOUR_MS]).verdict == "complete"


def test_the_same_records_in_any_order_and_split_give_the_same_candle(spark: SparkSession) -> None:
    """A symbol per order, records spread over the partitions at random."""
    rng = random.Random(11)
    symbols = [f"S{number}" for number in range(40)]
    base = [
        trade(
            number,
            f"{rng.randrange(1, 10**9)}e-4",
            f"{rng.randrange(1, 10**12)}e-6",
            at_ms=HOUR + number // 3,
            is_taker_sale=rng.random() < 0.5,
            time_fell=number == 17,
        )
        for number in range(10, 60)
        if number not in (30, 31)
    ]
    base += [gap(30, 31, reason="never_existed"), gap(60, 64), closing(base)]
    values = []
    for symbol in symbols:
        mine = [replace(record, symbol=symbol) for record in base]
        rng.shuffle(mine)
        values.append(wire(mine))
    dealt = [one for records in zip(*values, strict=True) for one in records]
    frame = spark.createDataFrame([(value,) for value in dealt], "value binary").repartition(7)
    rows = candle_hours(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=1.0).collect()
    assert {row.symbol for row in rows} == set(symbols)
    (only,) = {
        tuple(value for name, value in row.asDict().items() if name != "symbol") for row in rows
    }
    assert only == tuple(value for name, value in rows[0].asDict().items() if name != "symbol")
    found = candle(rows[0].asDict())
    assert found.quote_volume == sum(
        Decimal((record.price or 0) * (record.quantity or 0)) for record in base
    ) / Decimal(10**16)
    assert found.reason == "gap of 5 ids; trade time falls at 1 ids"


def test_repeated_trade_makes_the_hour_disputed(spark: SparkSession) -> None:
    trades = [trade(1, "2"), trade(2, "3")]
    rows = hours_of(spark, wire([*trades, trades[1], closing(trades)]))
    found = candle(rows["BTCUSDT", HOUR])
    assert found.verdict == "disputed"
    assert found.reason is not None
    assert "3 trades" in found.reason


def test_gap_makes_the_hour_disputed(spark: SparkSession) -> None:
    trades = [trade(1, "2"), trade(4, "3")]
    rows = hours_of(spark, wire([trades[0], gap(2, 3), trades[1], closing(trades)]))
    found = candle(rows["BTCUSDT", HOUR])
    assert found.verdict == "disputed"
    assert found.reason is not None
    assert found.reason.startswith("gap of 2 ids")


def test_ids_that_never_existed_leave_the_hours_complete(spark: SparkSession) -> None:
    first = [trade(1, "2"), trade(4, "3")]
    later = [trade(9, "5", at_ms=HOUR + HOUR_MS)]
    # 5 … 8 lie between the hours: nobody knows in which, so both are told
    absent = [gap(2, 3, reason="never_existed")]
    absent += [
        gap(5, 8, at_ms=hour, reason="never_existed: REST skips them")
        for hour in (HOUR, HOUR + HOUR_MS)
    ]
    closes = [closing(first), closing(later, open_time_ms=HOUR + HOUR_MS)]
    rows = hours_of(spark, wire([*first, *absent, *later, *closes]))
    row = rows["BTCUSDT", HOUR]
    assert (row["gap_ids"], row["absent_ids"]) == (None, 6)
    found = candle(row)
    assert (found.verdict, found.reason) == ("complete", "2 ids in it never existed")
    found = candle(rows["BTCUSDT", HOUR + HOUR_MS])
    assert (found.verdict, found.reason) == ("complete", None)


def test_gap_beside_absent_ids_still_disputes(spark: SparkSession) -> None:
    trades = [trade(1, "2"), trade(6, "3")]
    gaps = [gap(2, 3, reason="never_existed"), gap(4, 5, reason="REST did not answer")]
    row = hours_of(spark, wire([*trades, *gaps, closing(trades)]))["BTCUSDT", HOUR]
    assert (row["gap_ids"], row["absent_ids"]) == (2, 2)
    assert candle(row).reason == "gap of 2 ids"


def test_two_closes_that_agree_and_two_that_do_not(spark: SparkSession) -> None:
    trades = [trade(1, "2"), trade(2, "3")]
    again = closing(trades, witness="REST", volume="2.00")
    agreed = candle(hours_of(spark, wire([*trades, closing(trades), again]))["BTCUSDT", HOUR])
    assert agreed.verdict == "complete"
    assert agreed.witness == "STREAM"
    other = closing(trades, volume="3")
    changed = candle(hours_of(spark, wire([*trades, closing(trades), other]))["BTCUSDT", HOUR])
    assert changed.verdict == "disputed"
    assert "witness changed" in (changed.reason or "")


def test_hour_without_trades_and_hour_without_close(spark: SparkSession) -> None:
    records = [closing([], quiet_at="0.75"), trade(1, "2", at_ms=HOUR + HOUR_MS)]
    rows = hours_of(spark, wire(records))
    quiet = candle(rows["BTCUSDT", HOUR])
    assert (quiet.verdict, quiet.close, quiet.trades) == ("quiet", Decimal("0.75"), 0)
    assert not read_hour(rows["BTCUSDT", HOUR + HOUR_MS]).is_final


def test_aggregation_is_by_hash(spark: SparkSession) -> None:
    frame = spark.createDataFrame([], "value binary")
    hours = candle_hours(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=1.0)
    plan = hours._jdf.queryExecution().executedPlan().toString()
    assert "HashAggregate" in plan
    assert "SortAggregate" not in plan
    assert "ObjectHashAggregate" not in plan
