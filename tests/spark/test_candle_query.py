"""Kafka bytes → aggregated hours → verdicts, as one batch on a local Spark."""

from __future__ import annotations

import io
import json
import random
import struct
from collections.abc import Iterable
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import fastavro
import pytest

from conf.contracts.candles import Candle
from conf.contracts.trade_schemas import RELEASED_SCHEMAS
from conf.contracts.trades import Close, Gap, TradeRecord, encode
from conf.names import HOUR_MS
from conf.settings import CandleSettings
from streaming.candles.aggregate import aggregate_hours
from streaming.candles.files import parquet_bytes
from streaming.candles.hours import COUNTS, KEPT, candle_hours, judged_records, record_counts
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


def counts_of(spark: SparkSession, values: Iterable[bytes | None]) -> dict[str, int]:
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


def test_counts_add_up_and_tell_an_unknown_schema_from_garbage(spark: SparkSession) -> None:
    trades = [trade(1, "2"), trade(2, "3")]
    good = [*wire([*trades, closing(trades), gap(3, 4)]), *written_by(1, [trade(5, "1")], 1)]
    unknown = [struct.pack(">bI", 0, 77) + good[0][5:], struct.pack(">bI", 0, 2**31 - 1) + b"\x00"]
    garbage = [None, b"", b"\x00\x00\x00\x00", struct.pack(">bI", 0, 77), b"{}", good[0][:-4]]
    garbage.append(struct.pack(">bI", 1, SCHEMA_ID) + good[0][5:])
    late = wire([trade(6, "1", received_ms=HOUR + 7 * 24 * HOUR_MS)])
    early = wire([trade(7, "1", received_ms=HOUR - HOUR_MS)])
    counts = counts_of(spark, [*good, *unknown, *garbage, *late, *early])
    assert counts == {
        "read": 16,
        "trades": 3,
        "closes": 1,
        "gaps": 1,
        "malformed": 7,
        "unknown_schema": 2,
        "future": 1,
        "too_old": 1,
    }
    assert tuple(counts) == COUNTS
    (row,) = hours_of(spark, [*good, *unknown, *garbage]).values()
    assert row["records"] == 5


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


def extreme_records(rng: random.Random, count: int) -> list[TradeRecord]:
    """Records whose fields are as wild as 64 bits allow."""
    numbers = [-(2**63), -1, 0, 1, HOUR, 10**12 - 1, 10**12, 7_258_118_400_000, 2**63 - 1]

    def any_number() -> int:
        return rng.choice(numbers)

    def close() -> Close:
        figures = [any_number() for _ in range(7)]
        texts = [rng.choice(["1e999", "NaN", "", "9" * 60, "-1", "1.5", None]) for _ in range(4)]
        witness = rng.choice(["STREAM", "REST", "END", "RUMOUR"])
        return Close(rng.choice([HOUR, *numbers]), witness, *figures, *texts, any_number())

    def one() -> TradeRecord:
        kind = rng.choice(["TRADE", "CLOSE", "GAP"])
        trade_fields = {
            "trade_id": rng.choice([1, any_number()]),
            "price": rng.choice([1, any_number()]),
            "quantity": rng.choice([1, any_number()]),
            "buyer_is_maker": rng.random() < 0.5,
            "time_fell": rng.random() < 0.5,
        }
        gap_ids = (rng.choice([1, any_number()]), rng.choice([2, any_number()]))
        return TradeRecord(
            kind=kind,
            symbol="BTCUSDT",
            trade_time_ms=rng.choice([HOUR, HOUR, any_number()]),
            received_time_ms=rng.choice([HOUR, HOUR, any_number()]),
            source="STREAM",
            event_time_ms=any_number(),
            close=close() if (kind == "CLOSE") != (rng.random() < 0.1) else None,
            gap=Gap(*gap_ids, "lost") if (kind == "GAP") != (rng.random() < 0.1) else None,
            **(trade_fields if (kind == "TRADE") != (rng.random() < 0.1) else {}),
        )

    return [one() for _ in range(count)]


def test_no_value_of_any_field_stops_a_query_or_overflows(spark: SparkSession) -> None:
    records = extreme_records(random.Random(13), 6_000)
    counts = counts_of(spark, wire(records))
    assert counts["read"] == 6_000 == sum(counts.values()) - counts["read"]
    assert min(counts[name] for name in ("trades", "closes", "gaps", "future", "too_old")) > 0
    rows = hours_of(spark, wire(records))
    assert sum(row["records"] for row in rows.values()) == sum(counts[name] for name in KEPT)
    for row in rows.values():
        found = candle(row)
        assert found.volume >= 0
        assert len(parquet_bytes([replace(found, revision=1)])) > 0


def test_a_million_of_the_largest_trades_and_gaps_are_summed_exactly(spark: SparkSession) -> None:
    limit = int(CandleSettings().max_notional * 10**16)
    price = 2**63 - 1
    largest = [
        replace(trade(10**12 - 1, "1"), price=price, quantity=limit // price),
        replace(trade(10**12 - 1, "1"), price=limit // price, quantity=price),
        gap(0, 10**12 - 1),
    ]
    count = 1_000_000
    frame = spark.createDataFrame([(value,) for value in wire(largest)], "value binary")
    judged = judged_records(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=1.0).cache()
    assert judged.where("rejection is null").count() == len(largest)
    many = judged.crossJoin(spark.range(count)).drop("id", "rejection")
    (row,) = aggregate_hours(many, 7).collect()
    judged.unpersist()
    hour = read_hour(row.asDict())
    assert hour.gap_ids == count * 10**12
    notional = 2 * count * price * (limit // price)
    assert hour.candle.quote_volume == Decimal(f"{notional}e-16")
    assert hour.candle.volume == Decimal(f"{count * (price + limit // price)}e-8")
    assert (row["records"], row["trades"]) == (3 * count, 2 * count)
    assert len(parquet_bytes([replace(hour.candle, revision=1)])) > 0


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
        # each alone is right, but not in one record
        changed(close=closing(trades).close),
        changed(gap=gap(5, 6).gap),
        changed(kind="CLOSE", close=closing(trades).close),
        changed(kind="GAP", gap=gap(5, 6).gap),
        replace(closing(trades), gap=gap(5, 6).gap),
        replace(closing(trades), time_fell=True),
        replace(gap(5, 6), close=closing(trades).close),
        replace(gap(5, 6), price=1),
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
        trade(400 + number, "92233720368.54775807", "8000", symbol="PEPEUSDT")
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
