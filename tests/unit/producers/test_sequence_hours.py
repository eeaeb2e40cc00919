"""Single rules of the sequencer: when an hour closes, by which witness, and how a series ends."""

from __future__ import annotations

import pytest

from conf.contracts.trades import TradeRecord
from producers.questions import FetchKlines, FetchTail, FetchTrades, Start
from producers.sequence import Output, Sequencer
from tests.support.sequencer import (
    H0,
    H1,
    H2,
    H3,
    POLICY,
    ask,
    begun,
    brief,
    close_of,
    kline,
    rest_kline,
    trade,
)

pytestmark = pytest.mark.unit


def test_close_comes_at_once_when_all_is_published() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    outputs = sequencer.on_kline(kline(H0, 10, 10))
    assert brief(outputs) == ["close 0 STREAM"]
    assert outputs[0].trade_time_ms == H1 - 1, "an event time inside the hour"
    assert sequencer.on_kline(kline(H0, 10, 10)) == [], "once"
    assert sequencer.hours is not None
    assert sequencer.hours.counts.late_klines == 1
    assert ask(sequencer, 1.0, H1) is None, "a repeated kline raises no question"


def test_close_waits_for_the_last_id_and_not_for_later_trades() -> None:
    sequencer = begun()
    assert sequencer.on_kline(kline(H0, 10, 11)) == []
    assert ask(sequencer, 1.0) == FetchTrades(10, 11), "the kline shows what is missing"
    assert brief(sequencer.on_trade(trade(10))) == ["t10"]
    assert brief(sequencer.on_trade(trade(11))) == ["t11", "close 0 STREAM"]


def test_trades_of_the_next_hour_may_come_before_the_close() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    assert brief(sequencer.on_trade(trade(11, H1))) == ["t11"]
    assert brief(sequencer.on_kline(kline(H0, 10, 10))) == ["close 0 STREAM"]


def test_a_gap_lets_its_hour_close() -> None:
    sequencer = begun()
    sequencer.on_kline(kline(H0, 10, 11))
    asked = ask(sequencer, 1.0)
    assert isinstance(asked, FetchTrades)
    outputs = sequencer.on_request_failed(asked, "away", 20.0, H1)
    assert brief(outputs) == ["gap 0 10-11", "close 0 STREAM"]


def test_quiet_hours_close_at_once_but_in_order() -> None:
    sequencer = begun()
    assert sequencer.on_kline(kline(H1, -1, -1)) == []
    sequencer.on_trade(trade(10))
    assert brief(sequencer.on_kline(kline(H0, 10, 10))) == ["close 0 STREAM", "close 1 STREAM"]


def test_a_missed_kline_is_asked_for_when_the_hour_is_over() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    assert sequencer.next_request(1.0, H1 + 2_999) is None
    assert sequencer.next_request(1.0, H1 + 3_000) == FetchKlines(H0, needs_first=False)
    sequencer.on_kline(kline(H1, -1, -1))
    assert sequencer.next_request(1.0, H0) == FetchKlines(H0, needs_first=False), "at once"


def test_a_rest_witness_gets_derived_ids_and_waits_for_proof() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_trade(trade(11))
    rows = [rest_kline(H0, 2), rest_kline(H1, 0)]
    assert sequencer.on_rest_klines(rows, None, H1 + 5_000, 1.0, H1 + 5_000) == []
    assert ask(sequencer, 2.0, H1 + 5_000) == FetchTail(12)
    outputs = sequencer.on_rest_tail(FetchTail(12), None, 2.0, H1 + 5_000)
    assert brief(outputs) == ["close 0 REST"]
    closed = close_of(outputs[0])
    assert (closed.first_trade_id, closed.last_trade_id) == (10, 11)
    assert outputs[0].source == "REST"
    later = H2 + 5_000
    assert ask(sequencer, 2.0, later) == FetchKlines(H1, needs_first=False), "a proof costs no wait"


def test_a_trade_of_a_later_hour_proves_a_rest_witness() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_rest_klines([rest_kline(H0, 1)], None, H1 + 5_000, 1.0, H1)
    assert brief(sequencer.on_trade(trade(11, H1 + 1))) == ["t11", "close 0 REST"]


def test_a_rest_witness_that_lags_behind_the_trades_is_asked_for_again() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_trade(trade(11))
    assert sequencer.on_rest_klines([rest_kline(H0, 1)], None, H1 + 5_000, 1.0, H1 + 5_000) == []
    assert ask(sequencer, 1.1, H1 + 5_000) is None, "REST is given time"
    assert ask(sequencer, 1.3, H1 + 5_000) == FetchKlines(H0, needs_first=False)
    sequencer.on_trade(trade(12, H1 + 1))
    outputs = sequencer.on_rest_klines([rest_kline(H0, 2)], None, H1 + 5_000, 9.0, H1)
    assert brief(outputs) == ["close 0 REST"]


def test_a_rest_witness_that_contradicts_for_ever_is_published_for_spark_to_dispute() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_trade(trade(11))
    sequencer.on_trade(trade(12, H1))
    outputs: list[Output] = []
    for attempt in range(10):
        now_s = 10.0 * attempt
        outputs += sequencer.on_rest_klines([rest_kline(H0, 1)], None, H1 + 5_000, now_s, H1)
    assert brief(outputs) == ["close 0 REST"]


def test_the_running_hour_in_rest_is_no_witness() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    assert sequencer.on_rest_klines([rest_kline(H0, 1)], None, H1 - 1, 1.0, H1) == []
    assert sequencer.on_trade(trade(11, H1)) != []
    assert ask(sequencer, 9.0, H1 + 5_000) == FetchKlines(H0, needs_first=False)


def test_the_streams_kline_replaces_an_unproven_rest_witness() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_rest_klines([rest_kline(H0, 1)], None, H1 + 5_000, 1.0, H1)
    assert brief(sequencer.on_kline(kline(H0, 10, 10))) == ["close 0 STREAM"]


def test_halted_hours_are_never_closed_and_hold_nothing_up() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_kline(kline(H0, 10, 10))
    assert sequencer.on_kline(kline(H2, 11, 11)) == []
    asked = ask(sequencer, 1.0, H3)
    assert asked == FetchKlines(H1, needs_first=False)
    assert sequencer.on_rest_klines([], None, H3, 1.0, H3) == []
    assert sequencer.hours is not None
    assert sequencer.hours.counts.halted == 0, "that REST has no later hour yet is no halt"
    sequencer.on_rest_klines([rest_kline(H2, 1), rest_kline(H3, 0)], None, H3, 9.0, H3)
    assert brief(sequencer.on_trade(trade(11, H2))) == ["t11", "close 2 STREAM"]
    assert sequencer.hours is not None
    assert sequencer.hours.counts.halted == 1


def test_the_first_close_says_where_the_series_began() -> None:
    sequencer = begun(begins_at_id=10)
    sequencer.on_trade(trade(10))
    closes = sequencer.on_kline(kline(H0, 10, 10)) + sequencer.on_kline(kline(H1, -1, -1))
    begins = [c.close.begins_at_id for c in closes if isinstance(c, TradeRecord) and c.close]
    assert begins == [10, None]


def test_trades_before_the_first_hour_are_passed_over() -> None:
    sequencer = begun(skip=H0)
    assert sequencer.on_trade(trade(10, H0 - 1)) == []
    assert brief(sequencer.on_trade(trade(11, H0))) == ["t11"]
    sequencer.on_rest_klines([rest_kline(H0, 1)], None, H1 + 5_000, 1.0, H1)
    (close,) = sequencer.on_trade(trade(12, H1))[1:]
    closed = close_of(close)
    assert (closed.first_trade_id, closed.last_trade_id) == (11, 11)


def test_the_end_closes_what_can_be_and_marks_the_rest() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_kline(kline(H0, 10, 11))
    sequencer.on_trade(trade(13, H1))
    assert brief(sequencer.end(H1 + 9)) == [
        "gap 0 11-11",
        "gap 1 12-12",
        "t13",
        "close 0 STREAM",
        "close 1 END",
    ]


def test_the_end_of_a_series_that_never_started() -> None:
    sequencer = Sequencer("BTCUSDT", POLICY)
    assert sequencer.end(H0) == []
    sequencer.on_trade(trade(12))
    outputs = sequencer.end(H0)
    assert brief(outputs) == ["t12", "close 0 END"]
    assert close_of(outputs[1]).begins_at_id == 12


def test_a_trade_that_claims_a_closed_hour_does_not_close_it_twice() -> None:
    """It is published for Spark to dispute."""
    sequencer = begun()
    sequencer.on_trade(trade(10, H0))
    sequencer.on_kline(kline(H0, 10, 10))
    sequencer.on_trade(trade(11, H1))
    assert brief(sequencer.on_trade(trade(12, H0 + 9))) == ["t12"]
    assert brief(sequencer.end(H2)) == ["close 1 END"]


def test_the_end_lies_at_the_last_trade_not_in_the_future() -> None:
    """A time later than its receipt would be refused by every reader of the topic."""
    sequencer = begun()
    sequencer.on_trade(trade(10, H0 + 5))
    outputs = sequencer.end(H0 + 9)
    assert brief(outputs) == ["close 0 END"]
    assert isinstance(outputs[0], TradeRecord)
    assert outputs[0].trade_time_ms == H0 + 5


def test_absent_ids_of_the_open_hour_count_in_its_derived_witness_after_a_restart() -> None:
    """The hour has ids 10, 11 and 15; 12 to 14 were declared before the restart."""
    start = Start(14, H0, H0, 10, absent=((H0, 12, 14),))
    sequencer = Sequencer("BTCUSDT", POLICY, start)
    sequencer.on_trade(trade(15))
    sequencer.on_rest_klines([rest_kline(H0, 3)], None, H1, 1.0, H1)
    outputs = sequencer.on_trade(trade(16, H1))
    assert brief(outputs) == ["t16", "close 0 REST"]
    closed = close_of(outputs[-1])
    assert (closed.first_trade_id, closed.last_trade_id) == (10, 15)


def test_a_derived_witness_begins_after_absent_ids_between_two_hours() -> None:
    """Id 10 is the last of the first hour, 11 never existed, the second hour has 12 and 13."""
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_rest_klines([rest_kline(H0, 1)], None, H1, 1.0, H1)
    sequencer.on_trade(trade(12, H1))
    for now_s in (2.0, 3.0):
        again = [trade(12, H1, source="REST")]
        sequencer.on_rest_trades(FetchTrades(11, 11), again, {}, now_s, H1)
    sequencer.on_trade(trade(13, H1))
    sequencer.on_rest_klines([rest_kline(H1, 2)], None, H2, 4.0, H2)
    outputs = sequencer.on_trade(trade(14, H2))
    assert brief(outputs) == ["t14", "close 1 REST"]
    closed = close_of(outputs[-1])
    assert (closed.first_trade_id, closed.last_trade_id) == (12, 13)


def test_absent_ids_that_are_declared_after_the_witness_came_count_in_it() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    sequencer.on_rest_klines([rest_kline(H0, 2)], None, H1, 1.0, H1)
    sequencer.on_trade(trade(14))
    asked = FetchTrades(11, 13)
    for now_s in (2.0, 3.0):
        outputs = sequencer.on_rest_trades(asked, [trade(14, source="REST")], {}, now_s, H1)
    assert brief(outputs)[-1] == "t14"
    assert brief(sequencer.on_trade(trade(15, H1))) == ["t15", "close 0 REST"]
    assert sequencer.hours is not None
    assert sequencer.hours.expected_first == 15
