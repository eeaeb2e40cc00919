"""A trade whose time falls, from the exchange to the verdict: its hour is disputed, no other."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conf.contracts.trades import TradeRecord
from conf.names import hour_open_ms
from conf.settings import CandleSettings
from streaming.candles.hours import candle_hours
from streaming.candles.verdict import judge, read_hour
from tests.support.bundle import Bundle
from tests.support.eventually import eventually
from tests.support.producer_runs import (
    SPEED,
    StartExchange,
    producer,
    read_topic,
    read_trades,
    run_variables,
    start,
    stop,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.integration


def falls_in(series: list[TradeRecord]) -> dict[int, int]:
    """Return by hour how many of a symbol's trades have an earlier time than the one before."""
    trades = [record for record in series if record.kind == "TRADE"]
    found: dict[int, int] = {}
    for before, after in itertools.pairwise(trades):
        fell = after.trade_time_ms < before.trade_time_ms
        assert after.time_fell == fell
        hour = hour_open_ms(after.trade_time_ms)
        found[hour] = found.get(hour, 0) + fell
    return {hour: count for hour, count in found.items() if count}


def test_only_the_hour_of_a_trade_whose_time_falls_is_disputed(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path, spark: SparkSession
) -> None:
    exchange = start(exchange_server, trades_per_hour=8_000, hold=True)
    with producer(settings, exchange, tmp_path, **run_variables()) as run:
        eventually(run.is_healthy, 60, message="connected")
        exchange.post("/clock/start")
        eventually(lambda: run.metric("hours_closed_total", symbol="BTCUSDT") >= 1, 90)
        exchange.post("/faults", {"kind": "falling_time", "symbol": "BTCUSDT", "count": 2})
        closed = run.metric("hours_closed_total", symbol="BTCUSDT")
        eventually(lambda: run.metric("hours_closed_total", symbol="BTCUSDT") >= closed + 2, 90)
        stop(run)
    topic = settings.namespace.trades_topic
    series = read_trades(settings.kafka, topic)
    falls = falls_in(series["BTCUSDT"])
    assert falls
    assert not any(falls_in(series[symbol]) for symbol in series if symbol != "BTCUSDT")

    values = [(message.value(),) for message in read_topic(settings.kafka, topic)]
    hours = candle_hours(
        spark.createDataFrame(values, "value binary"),
        CandleSettings(),
        schema_id=settings.kafka.trades_schema_id,
        speed=SPEED,
    )
    found = [read_hour(row.asDict()) for row in hours.collect()]
    candles = [judge(hour) for hour in found if hour.is_final]
    disputed = {
        (candle.symbol, candle.open_time_ms): candle.reason
        for candle in candles
        if candle.verdict == "disputed"
    }
    assert disputed == {
        ("BTCUSDT", hour): f"trade time falls at {count} ids" for hour, count in falls.items()
    }
    others = {candle.verdict for candle in candles} - {"disputed"}
    assert others <= {"complete", "partial"}
    assert "complete" in others
