"""What strangers write into the topic is what the run later asks for."""

from __future__ import annotations

from typing import Any

import pytest

from conf.contracts.errors import ContractError
from conf.contracts.trades import decode
from conf.names import HOUR_MS
from streaming.trades.predicate import REASONS
from tests.chaos.candles.attack import bad_messages, copies, hours_of

pytestmark = pytest.mark.unit

NOW_MS = 1_767_225_600_000 + HOUR_MS // 2
SCHEMA_ID = 1


def test_each_reason_occurs_for_each_symbol_and_is_counted() -> None:
    messages, reasons = bad_messages(["AUSDT", "BUSDT"], NOW_MS, SCHEMA_ID)
    assert sum(reasons.values()) == len(messages)
    assert set(reasons) == set(REASONS)
    assert all(count % 2 == 0 for count in reasons.values())
    assert {key for key, _ in messages} == {b"AUSDT", b"BUSDT"}


def test_half_of_the_messages_are_no_records_at_all() -> None:
    messages, _ = bad_messages(["AUSDT"], NOW_MS, SCHEMA_ID)
    readable = 0
    for _, value in messages:
        try:
            readable += decode(value or b"", SCHEMA_ID).symbol == "AUSDT"
        except ContractError:
            continue
    assert (readable, len(messages)) == (5, 10)


def test_copies_are_the_books_trades_and_name_their_hours() -> None:
    rows: list[dict[str, Any]] = [
        {"id": 7, "time": NOW_MS, "price": "1.5", "qty": "2", "isBuyerMaker": True},
        {"id": 8, "time": NOW_MS + HOUR_MS, "price": "1.6", "qty": "3", "isBuyerMaker": False},
    ]
    records = copies("AUSDT", rows, NOW_MS)
    assert [(one.trade_id, one.price, one.quantity, one.buyer_is_maker) for one in records] == [
        (7, 150_000_000, 200_000_000, True),
        (8, 160_000_000, 300_000_000, False),
    ]
    assert all(one.received_time_ms >= one.trade_time_ms for one in records)
    begin = NOW_MS - HOUR_MS // 2
    assert hours_of(records) == {("AUSDT", begin), ("AUSDT", begin + HOUR_MS)}
