"""Positions, event ids and what a listener is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.events.positions import (
    MAX_ID_LENGTH,
    Position,
    PositionError,
    event_id,
    parse_event_id,
)
from api.events.told import (
    Wanted,
    candle_event,
    forecast_event,
    greeting,
    in_order,
    keepalive,
    reset,
)

pytestmark = pytest.mark.unit

CANDLE = {"xid": 7, "symbol": "BTCUSDT", "open_time": "2026-01-01T05:00:00Z", "revision": 1}
FINAL, RUNNING = CANDLE | {"status": "final"}, CANDLE | {"status": "provisional"}
FORECAST = {
    "xid": 7,
    "symbol": "BTCUSDT",
    "target_open_time": "2026-01-01T06:00:00Z",
    "model_version": "v.1",
    "kind": "live",
}
ALL = Wanted(frozenset(), frozenset(("candle", "forecast")), provisional=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.integers(0, 10**17), st.lists(texts, max_size=5).map(tuple), st.integers(0, 2 * 10**12))
def test_an_id_names_its_position(xid: int, key: tuple[str, ...], since_ms: int) -> None:
    position = Position(xid, key, since_ms)
    text = event_id(position)
    assert text.isascii()
    assert not set(text) & set(" \r\n\0")
    if len(text) <= MAX_ID_LENGTH:
        found = parse_event_id(text)
        assert (found, found.since_ms) == (position, since_ms)


@pytest.mark.parametrize(
    "text", ["", "x", "7", "7.", ".7", "-1.5", "7.x", "٧.7", "7." + "9" * 18, "7.1" + ".a" * 300]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(PositionError, match="no event id of this API"):
        parse_event_id(text)


def test_the_place_before_a_transaction_comes_before_its_events() -> None:
    event = candle_event(dict(FINAL), 0)
    assert Position(7) < event.position < Position(8)


def test_events_of_a_transaction_have_one_order_whatever_order_they_are_read_in() -> None:
    events = [
        candle_event(dict(FINAL), 0),
        forecast_event(dict(FORECAST), 0),
        candle_event(dict(FINAL, symbol="ADAUSDT"), 0),
        candle_event(dict(FINAL, xid=6, symbol="ZECUSDT"), 0),
    ]
    told = [(event.type, event.symbol) for event in in_order(reversed(events))]
    assert told == [
        ("candle", "ZECUSDT"),
        ("candle", "ADAUSDT"),
        ("candle", "BTCUSDT"),
        ("forecast", "BTCUSDT"),
    ]


def test_a_listener_is_told_what_it_wants() -> None:
    candle, running = candle_event(dict(FINAL), 0), candle_event(dict(RUNNING), 0)
    forecast = forecast_event(dict(FORECAST), 0)
    assert all(event in ALL for event in (candle, running, forecast))
    final_only = Wanted(frozenset(), ALL.types, provisional=False)
    assert candle in final_only
    assert running not in final_only
    others = Wanted(frozenset(("ETHUSDT",)), ALL.types, provisional=True)
    assert candle not in others
    forecasts = Wanted(frozenset(("BTCUSDT",)), frozenset(("forecast",)), provisional=True)
    assert candle not in forecasts
    assert forecast in forecasts


def test_an_event_on_the_wire() -> None:
    assert candle_event(dict(FINAL), 5).wire.decode() == (
        "event: candle\n"
        'data: {"symbol":"BTCUSDT","open_time":"2026-01-01T05:00:00Z","revision":1,"status":"final"}\n'
        "id: 7.5.c.BTCUSDT.2026-01-01T05:00:00Z.1\n\n"
    )


def test_the_first_event_names_the_source_and_the_place_to_resume() -> None:
    wire = greeting({"namespace": "live"}, Position(7, (), 5)).decode()
    assert wire == 'event: source\ndata: {"namespace":"live"}\nid: 7.5\nretry: 2000\n\n'


def test_a_sign_of_life_is_no_event_but_moves_the_place_to_resume() -> None:
    wire = keepalive(Position(9, (), 5)).decode()
    assert "data:" not in wire
    assert "id: 9.5\n" in wire
    assert "event: reset" in reset("too old", Position(9)).decode()
