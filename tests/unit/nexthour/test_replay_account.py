from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nexthour.capture import CaptureCount
from nexthour.replay import TopicCount, account, write_candles
from tests.support.candles import a_candle

pytestmark = pytest.mark.unit

HOUR = 1_723_158_000_000
CANDLE = a_candle(
    open_time_ms=HOUR,
    close=Decimal("61685.99"),
    quote_volume=Decimal("1.2345678901234567"),
    trades=3,
    first_trade_id=1,
    last_trade_id=3,
    verdict="partial",
    reason="the series began inside the hour",
)
COUNT = CaptureCount(messages=4, trades=4, ids={"BTCUSDT": {1, 2, 3}})


def balance(candle=CANDLE, topic_trades=3, dead=0, parquet=None):
    stores = {
        "postgres": {("BTCUSDT", HOUR): candle},
        "parquet": {("BTCUSDT", HOUR): parquet or candle},
    }
    return account(Path("x"), COUNT, stores, TopicCount(trades=topic_trades), dead, 1.0)


def test_balanced():
    report = balance()
    assert report.is_green
    assert (report.accounted_for, report.duplicates, report.verdicts) == (3, 1, {"partial": 1})


@pytest.mark.parametrize(
    "unbalanced",
    [
        {"candle": replace(CANDLE, trades=2)},
        {"topic_trades": 4},
        {"dead": 1},
        {"parquet": replace(CANDLE, close=Decimal("61685.98"))},
    ],
)
def test_any_imbalance_is_red_and_says_so(unbalanced):
    report = balance(**unbalanced)
    assert not report.is_green
    assert report.problems


def test_candles_file_keeps_decimals(tmp_path):
    write_candles([CANDLE], tmp_path / "candles.parquet")
    (row,) = pq.read_table(tmp_path / "candles.parquet").to_pylist()
    assert row["close"] == Decimal("61685.99")
    assert row["quote_volume"] == Decimal("1.2345678901234567")
    assert row["open_time"].isoformat() == "2024-08-08T23:00:00+00:00"
