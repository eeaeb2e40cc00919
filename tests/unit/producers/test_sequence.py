"""Single rules of the sequencer; what holds for all inputs is in test_sequence_properties."""

from __future__ import annotations

import pytest

from conf.contracts.trades import Close, TradeRecord
from conf.names import HOUR_MS
from producers.messages import ClosedKline, Trade
from producers.questions import FetchKlines, FetchTail, FetchTrades, FindStart, Policy, Start
from producers.sequence import PAGE, Output, Sequencer

pytestmark = pytest.mark.unit

H0 = 1_700_000 * HOUR_MS
H1, H2, H3 = H0 + HOUR_MS, H0 + 2 * HOUR_MS, H0 + 3 * HOUR_MS
POLICY = Policy(hold_limit=3, fill_grace_s=0.1, fill_deadline_s=10.0, kline_grace_ms=3_000)


def trade(trade_id: int, time_ms: int = H0 + 5, source: str = "STREAM") -> Trade:
    return Trade("BTCUSDT", trade_id, 7, 3, False, time_ms, time_ms, time_ms, source)


def kline(hour: int, first: int, last: int, count: int | None = None) -> ClosedKline:
    count = (0 if first < 0 else last - first + 1) if count is None else count
    return ClosedKline("BTCUSDT", Close(hour, "STREAM", first, last, count), hour + HOUR_MS)


def rest_kline(hour: int, count: int) -> Close:
    return Close(hour, "REST", trades=count)


def begun(last_id: int = 9, begins_at_id: int | None = None, skip: int = 0) -> Sequencer:
    start = Start(last_id, H0, H0, last_id + 1, begins_at_id, skip)
    return Sequencer("BTCUSDT", POLICY, start)


def brief(outputs: list[Output]) -> list[str]:
    """Say 't10', 'close 0 STREAM' or 'gap 1 10-12': hours are counted from H0."""
    words = []
    for output in outputs:
        if isinstance(output, Trade):
            words.append(f"t{output.trade_id}")
        elif output.close is not None:
            words.append(
                f"close {(output.close.open_time_ms - H0) // HOUR_MS} {output.close.witness}"
            )
        elif output.gap is not None:
            hour = (output.trade_time_ms - H0) // HOUR_MS
            words.append(f"gap {hour} {output.gap.first_id}-{output.gap.last_id}")
    return words


def ask(sequencer: Sequencer, now_s: float, now_ms: int = H0 + 60_000) -> object:
    """Ask twice, so that the grace of a hole is over."""
    sequencer.next_request(now_s - 0.2, now_ms)
    return sequencer.next_request(now_s, now_ms)


def test_next_is_published_duplicate_is_counted_later_is_held() -> None:
    sequencer = begun()
    assert brief(sequencer.on_trade(trade(10))) == ["t10"]
    assert sequencer.on_trade(trade(10)) == []
    assert sequencer.on_trade(trade(9)) == []
    assert sequencer.on_trade(trade(13)) == []
    assert sequencer.on_trade(trade(13)) == []
    assert (sequencer.counts.duplicates, sequencer.counts.received) == (3, 5)
    assert ask(sequencer, 1.0) == FetchTrades(11, 12)
    assert brief(sequencer.on_trade(trade(11))) == ["t11"]
    assert brief(sequencer.on_trade(trade(12))) == ["t12", "t13"]
    assert ask(sequencer, 2.0) is None


def falls(outputs: list[Output]) -> dict[int, bool]:
    return {one.trade_id: one.time_fell for one in outputs if isinstance(one, Trade)}


def test_a_trade_says_that_its_time_falls_and_that_alone_is_changed() -> None:
    sequencer = begun()
    outputs: list[Output] = []
    for trade_id, time_ms in ((10, 5), (11, 9), (12, 7), (13, 7), (14, 8), (15, 6)):
        outputs += sequencer.on_trade(trade(trade_id, H0 + time_ms))
    assert falls(outputs) == {10: False, 11: False, 12: True, 13: False, 14: False, 15: True}
    assert outputs[2] == trade(12, H0 + 7)._replace(time_fell=True)


def test_times_are_compared_in_the_order_of_ids_whatever_comes_first() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(12, H0 + 2))
    outputs = sequencer.on_trade(trade(11, H0 + 3)) + sequencer.on_trade(trade(10, H0 + 1))
    assert falls(outputs) == {10: False, 11: False, 12: True}
    asked = FetchTrades(13, 13)
    outputs = sequencer.on_rest_trades(asked, [trade(13, H0 + 1, "REST")], {}, 1.0, H0)
    assert falls(outputs) == {13: True}


def test_after_a_restart_the_last_published_time_counts() -> None:
    sequencer = Sequencer("BTCUSDT", POLICY, Start(9, H0 + 50, H0, 10))
    outputs = sequencer.on_trade(trade(10, H0 + 49)) + sequencer.on_trade(trade(11, H0 + 49))
    assert falls(outputs) == {10: True, 11: False}


def test_a_hole_has_a_grace_before_rest_is_asked() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(12))
    assert sequencer.next_request(1.0, H0) is None
    assert sequencer.next_request(1.05, H0) is None
    assert sequencer.next_request(1.1, H0) == FetchTrades(10, 11)


def test_pages_are_bounded() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10 + 5 * PAGE))
    assert ask(sequencer, 1.0) == FetchTrades(10, 9 + PAGE)


def test_rest_fills_a_hole_in_parts() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(14))
    asked = ask(sequencer, 1.0)
    assert isinstance(asked, FetchTrades)
    rows = [trade(11, source="REST"), trade(10, source="REST")]
    assert brief(sequencer.on_rest_trades(asked, rows, {}, 1.0, H0)) == ["t10", "t11"]
    assert sequencer.counts.gaps_filled == 0
    asked = ask(sequencer, 2.0)
    assert asked == FetchTrades(12, 13)
    rows = [trade(12, source="REST"), trade(13, source="REST")]
    assert brief(sequencer.on_rest_trades(asked, rows, {}, 2.0, H0)) == ["t12", "t13", "t14"]
    assert (sequencer.counts.gaps_filled, sequencer.counts.from_rest) == (1, 4)


def test_the_buffer_is_bounded_and_what_did_not_fit_comes_from_rest() -> None:
    sequencer = begun()
    for trade_id in range(12, 20):
        sequencer.on_trade(trade(trade_id))
    assert sequencer.counts.not_held == 8 - POLICY.hold_limit
    rows = [trade(10, source="REST"), trade(11, source="REST")]
    outputs = sequencer.on_rest_trades(FetchTrades(10, 11), rows, {}, 1.0, H0)
    assert brief(outputs) == ["t10", "t11", "t12", "t13", "t14"]
    assert ask(sequencer, 2.0) == FetchTrades(15, 19)


def test_a_hole_that_rest_cannot_fill_becomes_a_gap_after_the_deadline() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(13))
    asked = ask(sequencer, 1.0)
    assert isinstance(asked, FetchTrades)
    assert sequencer.on_request_failed(asked, "REST: 503", 2.0, H0) == []
    assert sequencer.on_request_failed(asked, "REST: 503", 10.7, H0) == []
    outputs = sequencer.on_request_failed(asked, "REST: 503", 10.9, H0)
    assert brief(outputs) == ["gap 0 10-12", "t13"]
    assert isinstance(outputs[0], TradeRecord)
    assert outputs[0].gap is not None
    assert outputs[0].gap.reason == "REST: 503"
    assert sequencer.counts.gap_ids == 3
    assert brief(sequencer.on_trade(trade(14))) == ["t14"]
    assert sequencer.on_trade(trade(11)) == [], "a late fill never enters the topic"


def test_an_empty_answer_counts_towards_the_deadline_too() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(11))
    asked = ask(sequencer, 1.0)
    assert isinstance(asked, FetchTrades)
    assert sequencer.on_rest_trades(asked, [], {}, 5.0, H0) == []
    assert brief(sequencer.on_rest_trades(asked, [], {}, 11.0, H0)) == ["gap 0 10-10", "t11"]


def test_progress_restarts_the_deadline() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(13))
    asked = ask(sequencer, 1.0)
    assert isinstance(asked, FetchTrades)
    sequencer.on_rest_trades(asked, [trade(10, source="REST")], {}, 9.0, H0)
    asked = ask(sequencer, 12.0)
    assert isinstance(asked, FetchTrades)
    assert sequencer.on_request_failed(asked, "REST: 503", 13.0, H0) == []


def test_ids_that_rest_skips_twice_never_existed() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(14))
    later = [trade(12, source="REST"), trade(13, source="REST")]
    asked = ask(sequencer, 1.0)
    assert isinstance(asked, FetchTrades)
    assert sequencer.on_rest_trades(asked, later, {}, 1.0, H0) == [], "REST may lag once"
    asked = ask(sequencer, 3.0)
    assert isinstance(asked, FetchTrades)
    outputs = sequencer.on_rest_trades(asked, later, {}, 3.0, H0)
    assert brief(outputs) == ["gap 0 10-11", "t12", "t13", "t14"]
    assert sequencer.counts.gaps_by_reason == {"never_existed": 1}


def test_a_row_that_is_no_sane_trade_becomes_a_gap_of_its_own() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(13))
    rows = [trade(10, source="REST"), trade(12, source="REST")]
    outputs = sequencer.on_rest_trades(FetchTrades(10, 12), rows, {11: "bad_price"}, 1.0, H0)
    assert brief(outputs) == ["t10", "gap 0 11-11", "t12", "t13"]


def test_a_gap_across_the_hour_is_declared_in_both_hours() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10, H0 + 7))
    sequencer.on_trade(trade(13, H1 + 1))
    asked = ask(sequencer, 101.0)
    assert isinstance(asked, FetchTrades)
    outputs = sequencer.on_request_failed(asked, "away", 120.0, H1 + 2)
    assert brief(outputs) == ["gap 0 11-12", "gap 1 11-12", "t13"]
    assert [o.trade_time_ms for o in outputs] == [H0 + 7, H1, H1 + 1]


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
    assert isinstance(outputs[0], TradeRecord)
    assert outputs[0].close is not None
    assert (outputs[0].close.first_trade_id, outputs[0].close.last_trade_id) == (10, 11)
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
    assert isinstance(close, TradeRecord)
    assert close.close is not None
    assert (close.close.first_trade_id, close.close.last_trade_id) == (11, 11)


def test_before_the_start_is_known_trades_are_held() -> None:
    sequencer = Sequencer("BTCUSDT", POLICY)
    assert sequencer.next_request(1.0, H0) == FindStart(None)
    sequencer.on_start(None, 1.0, H0)
    assert sequencer.next_request(1.1, H0) is None
    assert sequencer.on_trade(trade(12)) == []
    assert sequencer.next_request(1.1, H0) == FindStart(12), "a trade is a reason to ask at once"
    outputs = sequencer.on_start(Start(11, H0, H0, 12), 1.2, H0)
    assert brief(outputs) == ["t12"]


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
    assert isinstance(outputs[1], TradeRecord)
    assert outputs[1].close is not None
    assert outputs[1].close.begins_at_id == 12


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


def test_messages_that_changed_places_are_counted() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(11))
    assert sequencer.counts.reordered == 0
    assert brief(sequencer.on_trade(trade(10))) == ["t10", "t11"]
    assert sequencer.counts.reordered == 1


def test_absent_ids_of_the_open_hour_count_in_its_derived_witness_after_a_restart() -> None:
    """The hour has ids 10, 11 and 15; 12 to 14 were declared before the restart."""
    start = Start(14, H0, H0, 10, absent=((H0, 12, 14),))
    sequencer = Sequencer("BTCUSDT", POLICY, start)
    sequencer.on_trade(trade(15))
    sequencer.on_rest_klines([rest_kline(H0, 3)], None, H1, 1.0, H1)
    outputs = sequencer.on_trade(trade(16, H1))
    assert brief(outputs) == ["t16", "close 0 REST"]
    closed = outputs[-1]
    assert isinstance(closed, TradeRecord)
    assert closed.close is not None
    assert (closed.close.first_trade_id, closed.close.last_trade_id) == (10, 15)


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
    closed = outputs[-1]
    assert isinstance(closed, TradeRecord)
    assert closed.close is not None
    assert (closed.close.first_trade_id, closed.close.last_trade_id) == (12, 13)


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
