from dataclasses import replace
from decimal import Decimal

import pytest

from conf.contracts.trades import Close, scaled
from conf.names import DAY_MS, HOUR_MS
from streaming.reconcile.compare import Figures
from streaming.reconcile.findings import StoreContent, judge_stores
from tests.support.candles import a_candle

pytestmark = pytest.mark.unit

HOUR = 490_896 * HOUR_MS
KEY = ("BTCUSDT", HOUR)
KLINE = Close(
    open_time_ms=HOUR,
    witness="REST",
    trades=4,
    open=scaled("10"),
    high=scaled("12"),
    low=scaled("9.5"),
    close=scaled("11"),
    volume="3.00000000",
    quote_volume="33.10000000",
    taker_buy_volume="1",
    taker_buy_quote_volume="11.0",
)
CANDLE = a_candle(open_time_ms=HOUR)
EXCHANGE = {KEY: Figures.from_kline(KLINE)}


def content(*candles):
    found = StoreContent()
    for candle in candles:
        found.add(candle)
    return found


def judged(exchange=EXCHANGE, **stores):
    return judge_stores(("BTCUSDT",), stores, exchange)


def tally(outcome, store="topic"):
    found = outcome.tallies["BTCUSDT", store]
    return (found.expected, found.equal, found.missing, found.different, found.surplus)


def test_equal_to_the_digit_is_green_whatever_the_scale_and_without_ids():
    outcome = judged(topic=content(CANDLE), parquet=content(CANDLE))
    assert outcome.is_green
    assert tally(outcome) == tally(outcome, "parquet") == (1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"close": Decimal("11.00000001")}, "close 11.00000001 instead of 11"),
        ({"volume": Decimal("3.00000001")}, "volume 3.00000001 instead of 3"),
        ({"trades": 5}, "trades 5 instead of 4"),
        ({"quote_volume": Decimal("33.10000005")}, "quote volume 33.10000005 instead of 33.1"),
    ],
)
def test_another_digit_is_red_and_named(change, text):
    outcome = judged(topic=content(replace(CANDLE, **change)))
    assert tally(outcome) == (1, 0, 0, 1, 0)
    assert text in outcome.findings[0].text


def test_quote_volume_alone_may_be_off_by_the_exchanges_rounding_of_each_trade():
    assert judged(topic=content(replace(CANDLE, quote_volume=Decimal("33.10000004")))).is_green


def test_missing_surplus_and_unreadable_are_told_apart():
    outcome = judged(topic=StoreContent(), parquet=content(CANDLE))
    assert tally(outcome) == (1, 0, 1, 0, 0)
    assert tally(outcome, "parquet") == (1, 1, 0, 0, 0)
    outcome = judged({}, topic=content(CANDLE))
    assert tally(outcome) == (0, 0, 0, 0, 1)
    outcome = judged(topic=StoreContent(unreadable={KEY: "the file is no candle"}))
    assert tally(outcome) == (1, 0, 0, 1, 0)
    assert outcome.findings[0].text == "the file is no candle"


def test_an_older_revision_is_different_even_if_it_is_equal_to_the_exchange():
    newer = replace(CANDLE, revision=2, source="repair")
    outcome = judged(postgres=content(CANDLE, newer), topic=content(CANDLE))
    assert tally(outcome, "postgres") == (1, 1, 0, 0, 0)
    assert tally(outcome, "topic") == (1, 0, 0, 1, 0)
    assert "revision 1, postgres has 2" in outcome.findings[0].text


def test_without_the_exchange_stores_are_held_against_each_other():
    other = replace(CANDLE, first_trade_id=6)
    outcome = judged(None, postgres=content(CANDLE), topic=content(other), parquet=StoreContent())
    assert tally(outcome, "postgres") == (1, 1, 0, 0, 0)
    assert tally(outcome, "topic") == (1, 0, 0, 1, 0)
    assert "first trade id not as in postgres" in outcome.findings[0].text
    assert tally(outcome, "parquet") == (1, 0, 1, 0, 0)


def test_a_disputed_hour_counts_by_its_figures_and_is_remarked():
    disputed = replace(CANDLE, verdict="disputed", reason="witness changed")
    outcome = judged(topic=content(disputed))
    assert outcome.is_green
    assert [remark.text for remark in outcome.remarks] == [
        "disputed: witness changed, yet equal to the exchange's kline"
    ]
    outcome = judged(topic=content(replace(disputed, trades=3)))
    assert "disputed: witness changed" in outcome.findings[0].text
    assert outcome.remarks == []


def test_other_symbols_are_not_looked_at():
    assert judged(topic=content(CANDLE, replace(CANDLE, symbol="ETHUSDT"))).is_green


def test_hours_of_some_days_can_be_left_out():
    later = replace(CANDLE, open_time_ms=HOUR + DAY_MS)
    found = content(CANDLE, later)
    found.unreadable["BTCUSDT", HOUR + DAY_MS + HOUR_MS] = "bad"
    assert found.without({HOUR + DAY_MS}).all_keys() == {KEY}
    assert found.without({HOUR}).all_keys() == found.all_keys() - {KEY}


def test_findings_come_in_the_order_of_hours_and_say_which_hours_differ():
    later = replace(CANDLE, open_time_ms=HOUR + HOUR_MS)
    outcome = judged({}, topic=content(later, CANDLE), parquet=content(later))
    assert [(one.open_time_ms, one.store) for one in outcome.findings] == [
        (HOUR, "topic"),
        (HOUR + HOUR_MS, "topic"),
        (HOUR + HOUR_MS, "parquet"),
    ]
    assert outcome.differing == {HOUR, HOUR + HOUR_MS}
