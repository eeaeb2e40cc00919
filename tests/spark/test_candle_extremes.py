"""What no exchange sends: garbage, broken contracts, the largest numbers; one batch on a local Spark."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from conf.contracts.trades import Close, Gap, TradeRecord
from conf.names import HOUR_MS
from conf.settings import CandleSettings
from streaming.candles.aggregate import aggregate_hours
from streaming.candles.files import parquet_bytes
from streaming.candles.hours import COUNTS, KEPT, judged_records
from streaming.candles.verdict import read_hour
from tests.support.candle_hours import candle, counts_of, hours_of, wire, written_by
from tests.support.candle_records import HOUR, SCHEMA_ID, closing, gap, trade

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


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
    many = judged.crossJoin(spark.range(count)).drop("id")
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
        trade(400 + number, "92233720368.54775807", "5", symbol="PEPEUSDT") for number in range(50)
    ]
    rows = hours_of(spark, wire([*trades, closing(trades, symbol="PEPEUSDT")]))
    found = candle(rows["PEPEUSDT", HOUR])
    assert found.verdict == "complete"
    assert found.reason is None
