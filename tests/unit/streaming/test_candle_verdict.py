"""Every verdict and every reason, from aggregated rows. No Spark: the rows are made here."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.contracts.trades import TradeRecord
from streaming.candles.verdict import DIGIT, ROUNDED, judge, read_hour
from tests.support.candle_records import closing, trade
from tests.support.candle_rows import TRADES, digits, row

pytestmark = pytest.mark.unit


def test_complete_when_every_figure_equals_the_witness() -> None:
    candle = judge(read_hour(row(TRADES)))
    assert (candle.verdict, candle.reason, candle.witness) == ("complete", None, "STREAM")
    assert candle.volume == Decimal("2.10000001")
    assert candle.quote_volume == Decimal("212.55000099")
    assert candle.taker_buy_volume == Decimal("0.10000001")
    assert candle.taker_buy_quote_volume == Decimal("10.05000099")
    assert (candle.first_trade_id, candle.last_trade_id, candle.trades) == (10, 12, 3)


def test_not_final_without_a_close() -> None:
    assert not read_hour(row(TRADES, closes=[])).is_final


def test_quiet_hour_is_flat_at_the_witness_and_has_no_ids() -> None:
    candle = judge(read_hour(row([], [closing([], quiet_at="0.75")])))
    assert candle.verdict == "quiet"
    assert {candle.open, candle.high, candle.low, candle.close} == {Decimal("0.75")}
    assert (candle.volume, candle.quote_volume, candle.trades) == (0, 0, 0)
    assert (candle.first_trade_id, candle.last_trade_id) == (None, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trades": 4}, "count: 3 trades, witness 4"),
        ({"first_trade_id": 9}, "first trade id: 10, witness 9"),
        ({"last_trade_id": 13}, "last trade id: 12, witness 13"),
        ({"open": 10_050_000_001}, "open: 100.5, witness 100.50000001"),
        ({"high": 1}, "high: 101.25, witness 0.00000001"),
        ({"low": 2}, "low: 99, witness 0.00000002"),
        ({"close": 3}, "close: 99, witness 0.00000003"),
        ({"volume": "2.10000002"}, "volume: 2.10000001, witness 2.10000002"),
        ({"quote_volume": "212.5500010201"}, "quote volume: 212.55000099, witness 212.5500010201"),
        ({"taker_buy_volume": "0.1"}, "taker buy volume: 0.10000001, witness 0.1"),
        (
            {"taker_buy_quote_volume": "11"},
            "taker buy quote volume: 10.05000099, witness 11",
        ),
        ({"volume": None}, "witness incomplete"),
        ({"trades": None}, "witness incomplete"),
    ],
)
def test_disputed_names_what_differs(change: dict[str, Any], reason: str) -> None:
    candle = judge(read_hour(row(TRADES, [closing(TRADES, **change)])))
    assert (candle.verdict, candle.reason) == ("disputed", reason)


def test_quote_volume_may_differ_by_the_rounding_of_each_trade() -> None:
    rounded = closing(TRADES, quote_volume="212.55000102")
    candle = judge(read_hour(row(TRADES, [rounded])))
    assert (candle.verdict, candle.reason) == ("complete", ROUNDED)
    assert candle.quote_volume == Decimal("212.55000099")


def test_gap_is_disputed_even_if_the_witness_agrees() -> None:
    candle = judge(read_hour(row(TRADES, gap_ids=2)))
    assert candle.verdict == "disputed"
    assert candle.reason == "gap of 2 ids"


def test_duplicate_and_hole_show_in_the_count() -> None:
    twice = judge(read_hour(row([*TRADES, TRADES[1]], [closing(TRADES)])))
    assert twice.verdict == "disputed"
    assert "4 trades in a span of 3 ids" in (twice.reason or "")
    hole = judge(read_hour(row([TRADES[0], TRADES[2]])))
    assert hole.verdict == "disputed"
    assert "2 trades in a span of 3 ids" in (hole.reason or "")


ABSENT = [trade(10, "100"), trade(13, "101")]  # 11 and 12 never existed


@pytest.mark.parametrize(
    ("trades", "absent_ids", "reason"),
    [
        (ABSENT, 2, "2 ids in it never existed"),
        # declared for several hours, or beyond this hour's first and last trade
        (ABSENT, 9, "2 ids in it never existed"),
        (TRADES, 9, None),
    ],
)
def test_ids_that_never_existed_dispute_nothing(
    trades: list[TradeRecord], absent_ids: int, reason: str | None
) -> None:
    candle = judge(read_hour(row(trades, absent_ids=absent_ids)))
    assert (candle.verdict, candle.reason) == ("complete", reason)


def test_remark_on_absent_ids_stands_beside_the_one_on_rounding() -> None:
    rounded = closing(ABSENT, quote_volume="201.00000001")
    candle = judge(read_hour(row(ABSENT, [rounded], absent_ids=2)))
    assert (candle.verdict, candle.reason) == ("complete", f"2 ids in it never existed; {ROUNDED}")


@pytest.mark.parametrize(
    ("trades", "changes", "reason"),
    [
        # one more than what never existed
        ([trade(10, "1"), trade(14, "1")], {}, "count: 2 trades in a span of 5 ids"),
        ([trade(10, "1"), trade(10, "1")], {}, "count: 2 trades in a span of 1 ids"),
        (ABSENT, {"gap_ids": 1}, "gap of 1 ids"),
    ],
)
def test_absent_ids_excuse_no_other_fault(
    trades: list[TradeRecord], changes: dict[str, Any], reason: str
) -> None:
    candle = judge(read_hour(row(trades, absent_ids=2, **changes)))
    assert (candle.verdict, candle.reason) == ("disputed", reason)


def test_trade_that_the_witness_counts_is_missed_beside_absent_ids() -> None:
    whole = [ABSENT[0], trade(11, "100"), ABSENT[1]]
    candle = judge(read_hour(row(ABSENT, [closing(whole)], absent_ids=2)))
    assert candle.verdict == "disputed"
    assert "count: 2 trades, witness 3" in (candle.reason or "")


@pytest.mark.parametrize(
    ("witness", "first", "last", "verdict"),
    [
        ("REST", 10, 11, "complete"),
        ("REST", 8, 11, "complete"),
        ("REST", 7, 11, "disputed"),
        ("REST", 10, 10, "disputed"),
        ("REST", 10, 14, "disputed"),
        ("STREAM", 10, 11, "disputed"),
    ],
)
def test_ids_derived_for_rest_are_too_low_by_absent_ids(
    witness: str, first: int, last: int, verdict: str
) -> None:
    close = closing(ABSENT, witness=witness, first_trade_id=first, last_trade_id=last)
    assert judge(read_hour(row(ABSENT, [close], absent_ids=2))).verdict == verdict


def test_quiet_and_partial_stay_so_beside_absent_ids() -> None:
    assert judge(read_hour(row([], [closing([])], absent_ids=2))).verdict == "quiet"
    begins = closing([trade(9, "5"), *ABSENT], begins_at_id=10, witness="REST", last_trade_id=11)
    candle = judge(read_hour(row(ABSENT, [begins], absent_ids=2)))
    assert (candle.verdict, candle.reason) == ("partial", "the series begins at id 10")


def test_a_trade_time_that_falls_disputes_the_hour_though_every_figure_agrees() -> None:
    fallen = [TRADES[0], replace(TRADES[1], time_fell=True), replace(TRADES[2], time_fell=True)]
    candle = judge(read_hour(row(fallen)))
    assert (candle.verdict, candle.reason) == ("disputed", "trade time falls at 2 ids")
    assert judge(read_hour(row(TRADES, time_falls=1))).reason == "trade time falls at 1 ids"


def test_two_witnesses_that_differ() -> None:
    candle = judge(read_hour(row(TRADES, w_digest_high=8)))
    assert (candle.verdict, candle.reason) == ("disputed", "witness changed")


def test_halves_of_two_witnesses_amounts_are_not_told_as_one() -> None:
    """The largest upper and the largest lower half of two volumes are a volume that neither said."""
    mixed = row(TRADES, w_digest_high=8, w_volume_1=7)
    assert judge(read_hour(mixed)).reason == "witness changed"
    assert judge(read_hour(mixed | {"time_falls": 1})).reason == (
        "witness changed; trade time falls at 1 ids"
    )


def test_trade_after_the_close_changes_the_verdict() -> None:
    late = trade(13, "100")
    candle = judge(read_hour(row([*TRADES, late], [closing(TRADES)])))
    assert candle.verdict == "disputed"
    assert "count: 4 trades, witness 3" in (candle.reason or "")


def test_series_that_ends_inside_the_hour() -> None:
    candle = judge(read_hour(row(TRADES, [closing(TRADES, witness="END")])))
    assert (candle.verdict, candle.reason) == ("partial", "the series ends inside the hour")
    assert candle.close == 99


def test_series_that_begins_inside_the_hour_is_held_against_its_end_only() -> None:
    whole = [trade(9, "500", "5"), *TRADES]
    begins = closing(whole, begins_at_id=10)
    candle = judge(read_hour(row(TRADES, [begins])))
    assert (candle.verdict, candle.reason) == ("partial", "the series begins at id 10")
    wrong = closing(whole, begins_at_id=10, last_trade_id=14)
    assert judge(read_hour(row(TRADES, [wrong]))).verdict == "disputed"
    other = judge(read_hour(row(TRADES, [closing(whole, begins_at_id=9)])))
    assert other.verdict == "disputed"
    assert "first id: 10, announced 9" in (other.reason or "")


def test_series_that_begins_and_ends_inside_the_hour() -> None:
    end = closing(TRADES, witness="END", begins_at_id=10)
    candle = judge(read_hour(row(TRADES, [end])))
    assert candle.verdict == "partial"
    assert candle.reason == "the series begins at id 10; the series ends inside the hour"
    empty = judge(read_hour(row([], [closing([], witness="END")])))
    assert (empty.verdict, empty.open, empty.trades) == ("partial", None, 0)


def test_real_witness_beside_an_end_counts() -> None:
    both = [closing(TRADES, witness="END"), closing(TRADES)]
    assert judge(read_hour(row(TRADES, both))).verdict == "complete"


@given(
    st.lists(
        st.tuples(st.integers(1, 2**63 - 1), st.integers(0, 2**63 - 1), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_sums_of_digits_are_the_exact_sums(figures: list[tuple[int, int, bool]]) -> None:
    fields = row(TRADES)
    for side, is_buy in (("taker_buy", True), ("taker_sell", False)):
        notional = sum(price * quantity for price, quantity, buys in figures if buys is is_buy)
        for position, digit in enumerate(digits(notional, 2)):
            fields[f"{side}_notional_{position}"] = digit
        fields[f"{side}_notional_2"] = notional // DIGIT**2
    bought = sum(price * quantity for price, quantity, is_buy in figures if is_buy)
    notional = sum(price * quantity for price, quantity, _ in figures)
    candle = read_hour(fields).candle
    assert candle.quote_volume == Decimal(f"{notional}e-16")
    assert candle.taker_buy_quote_volume == Decimal(f"{bought}e-16")
