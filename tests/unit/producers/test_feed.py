"""Feed status of symbols in every state."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conf.contracts.feed import FeedState
from conf.names import HOUR_MS
from producers.feed import Feed
from producers.messages import Trade
from producers.questions import Policy, Start
from producers.sequence import Sequencer

pytestmark = pytest.mark.unit

H0 = 1_700_000 * HOUR_MS
NOW = H0 + 5_000


@dataclass
class OneStream:
    symbols: tuple[str, ...] = ("BTCUSDT",)
    connected_since_ms: int | None = H0


def trade(trade_id: int) -> Trade:
    return Trade("BTCUSDT", trade_id, 7, 3, False, H0 + trade_id, H0, H0, "STREAM")


def begun() -> Sequencer:
    return Sequencer("BTCUSDT", Policy(), Start(9, H0 - 1_000, H0, 10))


def status_of(sequencer: Sequencer, since_ms: int | None = H0) -> tuple[FeedState, int, int | None]:
    feed = Feed("2/8", {"BTCUSDT": sequencer}, [OneStream(connected_since_ms=since_ms)])
    (status,) = feed.statuses(NOW)
    assert (status.symbol, status.producer, status.updated_ms) == ("BTCUSDT", "2/8", NOW)
    assert status.connected_since_ms == since_ms
    return status.state, status.held, status.lag_ms


def test_live() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    assert status_of(sequencer) == (FeedState.LIVE, 0, 5_000 - 10)


def test_a_resumed_series_knows_its_last_trade_before_the_first_new_one() -> None:
    assert status_of(begun()) == (FeedState.LIVE, 0, 6_000)


def test_filling() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(12))
    sequencer.on_trade(trade(13))
    assert status_of(sequencer)[:2] == (FeedState.FILLING, 2)


def test_a_known_id_that_never_came_is_a_hole_to_fill() -> None:
    sequencer = begun()
    sequencer.on_known_id(14)
    assert status_of(sequencer)[0] is FeedState.FILLING


def test_silent() -> None:
    sequencer = begun()
    sequencer.is_silent = True
    assert status_of(sequencer)[0] is FeedState.SILENT


def test_disconnected_and_starting() -> None:
    assert status_of(begun(), None)[0] is FeedState.DISCONNECTED
    assert status_of(Sequencer("BTCUSDT", Policy()))[::2] == (FeedState.STARTING, None)


def test_stopped_says_where_the_series_stands() -> None:
    sequencer = begun()
    sequencer.on_trade(trade(10))
    (status,) = Feed("1/1", {"BTCUSDT": sequencer}, [OneStream()]).stopped(NOW)
    assert (status.state, status.last_trade_id) == (FeedState.STOPPED, 10)
    assert status.connected_since_ms is None
