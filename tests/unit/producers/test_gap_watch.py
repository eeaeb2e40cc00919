"""The story of holes and hours, told once each."""

from __future__ import annotations

import pytest

from conf.contracts.incidents import Incident, IncidentKind
from conf.contracts.trades import Close
from conf.names import HOUR_MS
from producers.gap_watch import GapWatch
from producers.messages import Trade
from producers.questions import FetchTrades, Policy, Start
from producers.sequence import Sequencer

pytestmark = pytest.mark.unit

H0 = 1_700_000 * HOUR_MS
POLICY = Policy(fill_grace_s=0.0, fill_deadline_s=10.0, kline_grace_ms=0, producer="2/8")


def trade(trade_id: int, source: str = "STREAM") -> Trade:
    return Trade("BTCUSDT", trade_id, 7, 3, False, H0 + trade_id, H0, H0, source)


def begun() -> Sequencer:
    return Sequencer("BTCUSDT", POLICY, Start(9, H0, H0, 10))


def test_a_hole_is_found_once_and_filled_with_its_ids_and_duration() -> None:
    watch = GapWatch("BTCUSDT", "1/1")
    watch.found(10, 14, 100)
    watch.found(12, 16, 150)
    watch.filled(400)
    watch.filled(500)
    found, filled = watch.take()
    assert (found.kind, found.first_id, found.last_id) == (IncidentKind.GAP_FOUND, 10, 14)
    assert filled == Incident(
        IncidentKind.GAP_FILLED, "1/1", 100, 400, "BTCUSDT", 10, 16, "7 ids from REST"
    )
    assert filled.duration_ms == 300
    assert watch.take() == []


def test_a_sequencer_tells_what_it_fills() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(12))
    asked = sequencer.next_request(1.0, H0 + 50)
    assert asked == FetchTrades(10, 11)
    assert [incident.kind for incident in sequencer.incidents] == [IncidentKind.GAP_FOUND]
    sequencer.on_rest_trades(asked, [trade(10, "REST"), trade(11, "REST")], {}, 1.1, H0 + 90)
    _, filled = sequencer.take_incidents()
    assert (filled.kind, filled.producer) == (IncidentKind.GAP_FILLED, "2/8")
    assert (filled.started_ms, filled.ended_ms) == (H0 + 50, H0 + 90)
    assert sequencer.take_incidents() == []


def test_a_hole_that_closes_by_itself_within_the_grace_is_no_incident() -> None:
    sequencer = Sequencer("BTCUSDT", Policy(fill_grace_s=1.0), Start(9, H0, H0, 10))
    sequencer.on_trade(trade(11))
    assert sequencer.next_request(1.0, H0) is None
    sequencer.on_trade(trade(10))
    assert sequencer.next_request(9.0, H0) is None
    assert sequencer.take_incidents() == []


def test_ids_that_rest_cannot_give_are_declared_and_told() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(12))
    asked = sequencer.next_request(1.0, H0)
    assert isinstance(asked, FetchTrades)
    outputs = sequencer.on_request_failed(asked, "REST: 503", 20.0, H0 + 500)
    assert [type(o) for o in outputs][-1] is Trade
    _, told = sequencer.take_incidents()
    assert (told.kind, told.first_id, told.last_id) == (IncidentKind.GAP_DECLARED, 10, 11)
    assert told.detail == "REST: 503"


def test_ids_that_never_existed_are_told_as_such() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(12))
    for now_s in (1.0, 9.0):
        asked = sequencer.next_request(now_s, H0)
        assert isinstance(asked, FetchTrades)
        sequencer.on_rest_trades(asked, [trade(12, "REST")], {}, now_s, H0 + 700)
    kinds = [incident.kind for incident in sequencer.take_incidents()]
    assert kinds == [IncidentKind.GAP_FOUND, IncidentKind.NEVER_EXISTED]
    assert sequencer.last_id == 12


def test_a_halted_hour_is_told_with_its_times() -> None:
    sequencer = begun()
    assert sequencer.hours is not None
    later = H0 + 2 * HOUR_MS
    rows = [Close(H0 + HOUR_MS, "REST", trades=0)]
    sequencer.on_rest_klines(rows, None, later, 1.0, later)
    (told,) = sequencer.take_incidents()
    assert (told.kind, told.started_ms, told.ended_ms) == (
        IncidentKind.HALTED,
        H0,
        H0 + HOUR_MS,
    )


def test_a_witness_that_is_taken_in_spite_of_the_trades_is_an_alarm() -> None:
    sequencer = begun()
    for trade_id in range(10, 16):
        sequencer.on_trade(trade(trade_id))
    later = H0 + HOUR_MS + 60_000
    for _ in range(9):
        rows = [Close(H0, "REST", trades=2), Close(H0 + HOUR_MS, "REST", trades=0)]
        sequencer.on_rest_klines(rows, None, later, 1.0, later)
    kinds = [incident.kind for incident in sequencer.take_incidents()]
    assert kinds == [IncidentKind.WITNESS_DISPUTED]
