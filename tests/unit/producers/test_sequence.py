"""Single rules of the sequencer: order and holes; what holds for all inputs is in test_sequence_properties."""

from __future__ import annotations

import pytest

from conf.contracts.trades import TradeRecord
from producers.messages import Trade
from producers.questions import FetchTrades, FindStart, Start
from producers.sequence import PAGE, Output, Sequencer
from tests.support.sequencer import (
    H0,
    H1,
    POLICY,
    ask,
    begun,
    brief,
    trade,
)

pytestmark = pytest.mark.unit


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


def test_before_the_start_is_known_trades_are_held() -> None:
    sequencer = Sequencer("BTCUSDT", POLICY)
    assert sequencer.next_request(1.0, H0) == FindStart(None)
    sequencer.on_start(None, 1.0, H0)
    assert sequencer.next_request(1.1, H0) is None
    assert sequencer.on_trade(trade(12)) == []
    assert sequencer.next_request(1.1, H0) == FindStart(12), "a trade is a reason to ask at once"
    outputs = sequencer.on_start(Start(11, H0, H0, 12), 1.2, H0)
    assert brief(outputs) == ["t12"]


def test_messages_that_changed_places_are_counted() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(11))
    assert sequencer.counts.reordered == 0
    assert brief(sequencer.on_trade(trade(10))) == ["t10", "t11"]
    assert sequencer.counts.reordered == 1
