"""The queue of trade faults, and what they make of a trade."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import orjson
import pytest

from exchange.faults import TradeFault
from exchange.trade_faults import (
    Sending,
    TradeFaults,
    TradeMessage,
    WaitingFault,
    Watch,
    spoilt,
)

pytestmark = pytest.mark.unit

TRADE = TradeMessage("BTCUSDT", "btcusdt@trade", 7, "1.50000000", "2.00000000", 1_000, False)
ORIGINAL = Sending(b'{"as":"recorded"}', b'{"stream":"s","data":{"as":"recorded"}}')
DROP = WaitingFault(TradeFault.DROP)


def test_faults_are_taken_in_order_and_counted() -> None:
    injected: Counter[str] = Counter()
    faults = TradeFaults(injected)

    waiting = [faults.add("BTCUSDT", DROP, 1)]
    waiting.append(faults.add("BTCUSDT", WaitingFault(TradeFault.DELAY, 5), 1))

    assert waiting == [1, 2]
    assert faults.waiting() == {"drop": 1, "delay": 1}
    assert faults.take("DOTUSDT") is None
    assert [faults.take("BTCUSDT") for _ in range(3)] == [
        DROP,
        WaitingFault(TradeFault.DELAY, 5),
        None,
    ]
    assert injected == {"drop": 1, "delay": 1}


def test_a_symbol_is_armed_only_while_something_waits() -> None:
    faults = TradeFaults(Counter())
    assert not faults.armed

    faults.add("BTCUSDT", DROP, 1)
    faults.settle("BTCUSDT")
    assert faults.armed == {"BTCUSDT"}
    faults.take("BTCUSDT")
    faults.settle("BTCUSDT")
    assert not faults.armed

    faults.watch("BTCUSDT", Watch(5, lambda: None))
    faults.reached("BTCUSDT", 4)
    faults.settle("BTCUSDT")
    assert faults.armed
    faults.reached("BTCUSDT", 5)
    faults.settle("BTCUSDT")
    assert not faults.armed


def test_no_fault_is_taken_while_a_trade_is_kept_back() -> None:
    faults = TradeFaults(Counter())
    faults.add("BTCUSDT", DROP, 1)
    faults.hold("BTCUSDT", ORIGINAL)

    assert faults.take("BTCUSDT") is None
    faults.settle("BTCUSDT")
    assert faults.armed
    assert faults.release("BTCUSDT") is ORIGINAL
    assert faults.release("BTCUSDT") is None
    assert faults.take("BTCUSDT") == DROP


def test_watches_are_met_in_order_even_past_ids_that_never_existed() -> None:
    faults = TradeFaults(Counter())
    watches = [Watch(trade_id, lambda: None) for trade_id in (9, 5, 6)]
    for watch in watches:
        faults.watch("BTCUSDT", watch)

    assert faults.reached("BTCUSDT", 4) == []
    assert faults.reached("BTCUSDT", 7) == [watches[1], watches[2]]
    assert faults.reached("BTCUSDT", 8) == []
    assert faults.reached("DOTUSDT", 10) == []
    assert faults.reached("BTCUSDT", 9) == [watches[0]]


def test_closed_hours_are_dropped_as_often_as_asked() -> None:
    injected: Counter[str] = Counter()
    faults = TradeFaults(injected)

    assert faults.add_kline("BTCUSDT", 2) == 2
    assert faults.waiting() == {"drop_kline": 2}
    assert [faults.take_kline("BTCUSDT") for _ in range(3)] == [True, True, False]
    assert not faults.take_kline("DOTUSDT")
    assert injected == {"drop_kline": 2}
    assert faults.waiting() == {}


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (TradeFault.DROP, []),
        (TradeFault.DUPLICATE, [ORIGINAL, ORIGINAL]),
        (TradeFault.REORDER, [ORIGINAL]),
    ],
)
def test_some_faults_send_the_original_bytes_or_nothing(
    kind: TradeFault, wanted: list[Sending]
) -> None:
    assert spoilt(kind, TRADE, 2_000, ORIGINAL) == wanted


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (TradeFault.BAD_PRICE, "p", "not-a-number"),
        (TradeFault.FUTURE_TIME, "T", 1_000 + 31_536_000_000),
        (TradeFault.PAST_TIME, "T", 1_000 - 31_536_000_000),
    ],
)
def test_some_faults_change_one_field(kind: TradeFault, field: str, value: object) -> None:
    (sending,) = spoilt(kind, TRADE, 2_000, ORIGINAL)

    truth = orjson.loads(TRADE.payload(2_000))
    assert orjson.loads(sending.payload) == {**truth, field: value}


@pytest.mark.parametrize(
    ("time_ms", "earlier_ms"), [(3_700_000, 3_640_000), (3_659_999, 3_600_000)]
)
def test_a_falling_time_stays_in_its_hour(time_ms: int, earlier_ms: int) -> None:
    trade = replace(TRADE, time_ms=time_ms)
    (sending,) = spoilt(TradeFault.FALLING_TIME, trade, 2_000, ORIGINAL)
    assert orjson.loads(sending.payload) == {**orjson.loads(trade.payload(2_000)), "T": earlier_ms}


def test_a_new_field_is_added_to_the_original_bytes() -> None:
    (sending,) = spoilt(TradeFault.NEW_FIELD, TRADE, 2_000, ORIGINAL)

    fields = orjson.loads(sending.payload)
    assert fields.pop("as") == "recorded"
    assert len(fields) == 1
    assert sending.wrapped is None  # written anew, with the field in it


def test_an_unknown_event_and_half_a_trade_come_before_the_trade() -> None:
    mystery, after = spoilt(TradeFault.UNKNOWN_EVENT, TRADE, 2_000, ORIGINAL)
    half, again = spoilt(TradeFault.MALFORMED, TRADE, 2_000, ORIGINAL)

    assert orjson.loads(mystery.payload)["e"] == "mystery"
    assert after is again is ORIGINAL
    for broken in (half.payload, half.wrapped):
        assert broken is not None
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(broken)
