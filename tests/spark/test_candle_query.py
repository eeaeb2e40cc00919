"""Kafka bytes → aggregated hours → verdicts, as one batch on a local Spark."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from conf.contracts.candles import Candle
from conf.contracts.trades import TradeRecord, encode
from conf.names import HOUR_MS
from conf.settings import CandleSettings
from streaming.candles.hours import candle_hours
from streaming.candles.verdict import judge, read_hour
from tests.support.candle_records import HOUR, SCHEMA_ID, closing, gap, trade

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def hours_of(
    spark: SparkSession, values: Iterable[bytes | None], speed: float = 1.0
) -> dict[tuple[str, int], dict]:
    frame = spark.createDataFrame([(value,) for value in values], "value binary")
    hours = candle_hours(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=speed)
    return {(row.symbol, row.open_time_ms): row.asDict() for row in hours.collect()}


def wire(records: Iterable[TradeRecord]) -> list[bytes]:
    return [encode(record, SCHEMA_ID) for record in records]


def candle(row: dict) -> Candle:
    return judge(read_hour(row))


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


def test_bytes_that_are_no_record_change_nothing(spark: SparkSession) -> None:
    trades = [trade(1, "2"), trade(2, "3")]
    good = wire([*trades, closing(trades)])
    bad: list[bytes | None] = [
        None,
        b"",
        b"\x00",
        struct.pack(">bI", 0, SCHEMA_ID),
        struct.pack(">bI", 0, SCHEMA_ID) + b"\xff" * 40,
        # a string of 1.9 GB, says its length: it must not be allocated
        struct.pack(">bI", 0, SCHEMA_ID) + b"\x80\xcc\xfd\x93\x0e" + b"x" * 20,
        struct.pack(">bI", 0, SCHEMA_ID + 1) + good[0][5:],
        struct.pack(">bI", 1, SCHEMA_ID) + good[0][5:],
        good[0][:-7],
        b'{"kind":"TRADE"}',
    ]
    rows = hours_of(spark, [*bad, *good, *bad])
    assert list(rows) == [("BTCUSDT", HOUR)]
    assert candle(rows["BTCUSDT", HOUR]).verdict == "complete"


def test_records_that_break_the_contract_are_filtered(spark: SparkSession) -> None:
    def changed(**fields: object) -> TradeRecord:
        base = trade(3, "5")
        return TradeRecord(**{name: getattr(base, name) for name in base.__slots__} | fields)

    trades = [trade(1, "2"), trade(2, "3")]
    bad = [
        changed(kind="OTHER"),
        changed(symbol=""),
        changed(trade_id=None),
        changed(trade_id=-5),
        changed(price=None),
        changed(price=0),
        changed(price=-1),
        changed(quantity=None),
        changed(quantity=-1),
        changed(buyer_is_maker=None),
        changed(price=2**63 - 1, quantity=2**63 - 1),
        changed(trade_time_ms=-1),
        changed(trade_time_ms=2**63 - 1),
        changed(received_time_ms=2**63 - 1),
        changed(trade_time_ms=HOUR + 5_001, received_time_ms=HOUR),
        changed(received_time_ms=HOUR + 6 * 24 * HOUR_MS + 1),
        changed(kind="CLOSE"),
        changed(kind="GAP"),
        gap(9, 8),
        gap(0, 10**15),
        closing(trades, open_time_ms=HOUR + HOUR_MS, witness="RUMOUR"),
    ]
    rows = hours_of(spark, wire([*bad, *trades, closing(trades)]))
    assert list(rows) == [("BTCUSDT", HOUR)]
    row = rows["BTCUSDT", HOUR]
    assert (row["trades"], row["closes"]) == (2, 1)
    assert (row["gap_ids"], row["absent_ids"]) == (None, None)


def test_clock_error_grows_with_the_speed(spark: SparkSession) -> None:
    early = trade(1, "2", at_ms=HOUR + 900_000, received_ms=HOUR)
    assert hours_of(spark, wire([early])) == {}
    assert list(hours_of(spark, wire([early]), speed=180)) == [("BTCUSDT", HOUR)]


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


def test_huge_quantities_and_notionals_are_summed_exactly(spark: SparkSession) -> None:
    # PEPE trades in billions: thirty of them overflow a sum of scaled 64-bit integers.
    rng = random.Random(5)
    trades = [
        trade(
            number,
            f"{rng.randrange(1, 10**4)}e-8",
            f"{rng.randrange(4 * 10**9, 9 * 10**10)}.{rng.randrange(10**8):08d}",
            is_taker_sale=rng.random() < 0.5,
            symbol="PEPEUSDT",
        )
        for number in range(1, 400)
    ]
    trades += [
        trade(400 + number, "92233720368.54775807", "80000", symbol="PEPEUSDT")
        for number in range(50)
    ]
    rows = hours_of(spark, wire([*trades, closing(trades, symbol="PEPEUSDT")]))
    found = candle(rows["PEPEUSDT", HOUR])
    assert found.verdict == "complete"
    assert found.reason is None


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
