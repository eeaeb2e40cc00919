"""Every way in which a topic can differ from the book is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conf.contracts.trades import Close, Gap, TradeRecord
from tests.chaos.producers.compare import Row, differences, differing_hours

pytestmark = pytest.mark.unit


def row(trade_id: int, price: str = "1.5") -> Row:
    return {
        "id": trade_id,
        "price": price,
        "qty": "2",
        "time": 1_000 + trade_id,
        "isBuyerMaker": False,
    }


def record(trade_id: int) -> TradeRecord:
    return TradeRecord(
        "TRADE",
        "AUSDT",
        1_000 + trade_id,
        2_000,
        "STREAM",
        trade_id,
        150_000_000,
        200_000_000,
        False,
    )


def gap(first_id: int, last_id: int) -> TradeRecord:
    return TradeRecord("GAP", "AUSDT", 1_000, 2_000, "REST", gap=Gap(first_id, last_id, "why"))


BOOK = [row(i) for i in range(10, 15)]
SAME = [record(i) for i in range(10, 15)]


def test_the_same_series_is_green() -> None:
    result = differences("AUSDT", SAME, BOOK, 10)
    assert result.problems == []
    assert (result.trades, result.first_id, result.last_id) == (5, 10, 14)


def test_a_missing_id_is_found() -> None:
    result = differences("AUSDT", SAME[:2] + SAME[3:], BOOK, 10)
    assert result.missing == 1
    assert result.problems == ["AUSDT: 1 ids are missing: [12] …"]


def test_a_doubled_id_is_no_disorder() -> None:
    result = differences("AUSDT", [*SAME[:3], SAME[2], *SAME[3:]], BOOK, 10)
    assert (result.doubled, result.out_of_order, result.missing) == (1, 0, 0)
    assert result.problems == ["AUSDT: 1 ids are doubled"]


def test_disorder_is_found() -> None:
    result = differences("AUSDT", [SAME[0], SAME[2], SAME[1], *SAME[3:]], BOOK, 10)
    assert (result.doubled, result.out_of_order, result.missing) == (0, 1, 0)
    assert result.problems == ["AUSDT: 1 ids are out of order"]


def test_disorder_and_a_doubled_id_do_not_hide_each_other() -> None:
    records = [SAME[0], SAME[2], SAME[1], SAME[2], *SAME[3:]]
    result = differences("AUSDT", records, BOOK, 10)
    assert (result.doubled, result.out_of_order) == (1, 1)


@pytest.mark.parametrize(
    "change", [{"price": 1}, {"quantity": 1}, {"trade_time_ms": 1}, {"buyer_is_maker": True}]
)
def test_a_changed_trade_is_found(change: dict[str, int]) -> None:
    result = differences("AUSDT", [*SAME[:-1], replace(SAME[-1], **change)], BOOK, 10)  # type: ignore[arg-type] # one field
    assert result.different == 1
    assert result.problems == ["AUSDT: 1 ids differ from the book: [14] …"]


def test_an_invented_trade_is_found() -> None:
    result = differences("AUSDT", SAME, BOOK[:-1], 10)
    assert result.different == 1
    assert result.problems == ["AUSDT: 1 ids are not in the book: [14] …"]


def test_a_late_beginning_is_found() -> None:
    assert differences("AUSDT", SAME[1:], BOOK, 10).problems[0] == (
        "AUSDT: begins at [11], the exchange at 10"
    )


def test_a_gap_over_existing_ids_is_found_and_one_over_absent_ids_is_not() -> None:
    records = [*SAME[:2], gap(12, 12), *SAME[3:]]
    absent = differences("AUSDT", records, [*BOOK[:2], *BOOK[3:]], 10)
    assert (absent.problems, absent.gap_ids) == ([], 1)
    declared = differences("AUSDT", records, BOOK, 10)
    assert "AUSDT: 1 ids are declared as a gap, and exist: [12] …" in declared.problems
    assert declared.missing == 1


def test_hours_with_other_ids_are_named() -> None:
    closes = [Close(0, "STREAM", 1, 5, 5), Close(3_600_000, "REST", 6, 9, 4)]
    book = [
        {"open_time_ms": 0, "first_trade_id": 1, "last_trade_id": 5, "trades": 5},
        {"open_time_ms": 3_600_000, "first_trade_id": 6, "last_trade_id": 12, "trades": 4},
    ]
    assert differing_hours(closes[:1], book) == []
    assert differing_hours(closes, book) == [
        "hour 1970-01-01T01:00:00+00:00 by REST: ids and count (6, 9, 4), book (6, 12, 4)"
    ]
