from dataclasses import replace
from decimal import Decimal

import pytest

from streaming.reconcile.compare import Figures, compare, newest_revisions
from tests.support.candles import a_candle

pytestmark = pytest.mark.unit

ROW = {
    "open": "10.0",
    "high": "12",
    "low": "9.5",
    "close": "11",
    "volume": "3.00000000",
    "quote_volume": "33.1",
    "taker_buy_volume": "1",
    "taker_buy_quote_volume": "11",
    "trades": 4,
    "first_trade_id": 7,
    "last_trade_id": 10,
}
KEY = ("BTCUSDT", 3_600_000)
CANDLE = a_candle(open_time_ms=KEY[1])


def book():
    return {KEY: Figures.from_book(ROW)}


def test_equal_numbers_of_another_scale_are_equal():
    result = compare(book(), {"parquet": {KEY: CANDLE}, "topic": {KEY: CANDLE}})
    assert result.is_green
    assert result.equal == {"parquet": 1, "topic": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"close": Decimal("11.00000001")},
        {"quote_volume": Decimal("33.1000000000000001")},
        {"trades": 5},
        {"last_trade_id": 11},
        {"verdict": "disputed", "reason": "gap"},
    ],
)
def test_any_difference_is_red_and_named(change):
    result = compare(book(), {"postgres": {KEY: replace(CANDLE, **change)}})
    assert not result.is_green
    assert next(iter(change)) in result.differences[0]
    assert "postgres" in result.differences[0]


def test_missing_and_surplus_candles_are_red():
    assert compare(book(), {"topic": {}}).differences == [f"topic: BTCUSDT {KEY[1]} is missing"]
    surplus = {("ETHUSDT", KEY[1]): replace(CANDLE, symbol="ETHUSDT")}
    lines = compare(book(), {"topic": {KEY: CANDLE, **surplus}}).differences
    assert lines == [f"topic: ETHUSDT {KEY[1]} is not in the exchange's book"]


def test_stores_of_different_revision_are_red():
    result = compare(
        book(), {"parquet": {KEY: CANDLE}, "topic": {KEY: replace(CANDLE, revision=2)}}
    )
    assert result.differences == [f"parquet and topic differ on BTCUSDT {KEY[1]}"]


def test_quiet_hour_has_no_ids():
    assert Figures.from_book({**ROW, "first_trade_id": -1}).first_trade_id is None


def test_newest_revision_wins_in_any_order():
    second = replace(CANDLE, revision=2, close=Decimal("11.5"))
    assert newest_revisions([second, CANDLE]) == {KEY: second}
