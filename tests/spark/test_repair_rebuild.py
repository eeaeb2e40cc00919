"""An hour rebuilt without Spark is the hour that the candles query would have had."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conf.contracts.trades import NEVER_EXISTED, TradeRecord, encode
from conf.names import HOUR_MS
from conf.settings import CandleSettings
from streaming.candles.hours import candle_hours
from streaming.candles.verdict import judge, read_hour
from streaming.repair.rebuild import HourTrade, build_hour
from tests.support.candle_records import HOUR, SCHEMA_ID, closing, gap, trade

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

CASES = 120


def an_hour(chance: random.Random, symbol: str) -> tuple[list[TradeRecord], dict[str, int]]:
    """Return the records of one hour, some of them lost or out of time, and what was lost."""
    count = chance.choice([0, 1, 2, 30, 300])
    first = chance.randint(0, 10**9)
    absent = (
        set(chance.sample(range(1, count - 1), 2)) if count > 9 and chance.random() < 0.3 else set()
    )
    at_ms, trades = HOUR, []
    for n in range(count):
        if n in absent:
            continue
        at_ms = min(at_ms + chance.randint(0, 5_000), HOUR + HOUR_MS - 1)
        falls = n > 0 and chance.random() < 0.002
        record = trade(
            first + n,
            f"{chance.randint(1, 10**12) / 10**4:.4f}",
            f"0.{chance.randint(1, 10**8 - 1):08d}",
            at_ms=HOUR if falls else at_ms,
            symbol=symbol,
            is_taker_sale=chance.random() < 0.5,
            received_ms=HOUR + HOUR_MS,
        )
        last_ms = trades[-1].trade_time_ms if trades else HOUR
        trades.append(replace(record, time_fell=record.trade_time_ms < last_ms))
    close = closing(trades, symbol=symbol, witness="REST")
    lost = chance.randint(1, len(trades) // 2) if len(trades) > 9 and chance.random() < 0.4 else 0
    begin = chance.randint(0, len(trades) - lost) if trades else 0
    left = trades[:begin] + trades[begin + lost :]
    records = [*left, close]
    if lost:
        ids = (trades[begin].trade_id or 0, trades[begin + lost - 1].trade_id or 0)
        records.append(gap(*ids, symbol=symbol))
        missed = ids[1] - ids[0] + 1
    else:
        missed = 0
    for n in absent:
        records.append(gap(first + n, first + n, symbol=symbol, reason=f"{NEVER_EXISTED}: later"))
    chance.shuffle(records)
    return records, {"gap_ids": missed, "absent_ids": len(absent)}


def test_the_same_records_give_the_same_candle(spark: SparkSession) -> None:
    chance = random.Random(20260101)
    hours = {f"C{n}USDT": an_hour(chance, f"C{n}USDT") for n in range(CASES)}
    values = [(encode(r, SCHEMA_ID),) for records, _ in hours.values() for r in records]
    frame = spark.createDataFrame(values, "value binary")
    rows = candle_hours(frame, CandleSettings(), schema_id=SCHEMA_ID, speed=1.0).collect()
    assert len(rows) == CASES
    verdicts = set()
    for row in rows:
        records, lost = hours[row.symbol]
        streamed = judge(read_hour(row.asDict()))
        trades = [
            HourTrade(r.trade_id, r.price, r.quantity, r.buyer_is_maker, r.trade_time_ms)  # type: ignore[arg-type] # a TRADE has them
            for r in records
            if r.kind == "TRADE"
        ]
        (close,) = (r.close for r in records if r.close is not None)
        rebuilt = judge(build_hour(row.symbol, HOUR, trades, close, **lost))
        if streamed.reason is not None and "time falls" in streamed.reason and lost["gap_ids"]:
            # What fell beside a lost trade cannot be told from the trades that are left.
            rebuilt = replace(rebuilt, reason=streamed.reason)
        assert rebuilt == replace(streamed, source="repair"), row.symbol
        verdicts.add(rebuilt.verdict)
    assert verdicts == {"complete", "quiet", "disputed"}
