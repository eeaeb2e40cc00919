"""A feed's state in colour and in words, from rows of any age."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conf.contracts.feed import FeedState
from conf.exchange_time import Sighting
from streamlit_app import feed_markup
from streamlit_app.records import FeedRow, RunInfo, RunState
from tests.support.dashboard_records import NOON

pytestmark = pytest.mark.unit

ZONE = ZoneInfo("UTC")
EVIL = "<script>alert(1)</script>"
SECOND = timedelta(seconds=1)
RUN = RunState(
    info=RunInfo("demo", "stand-in", "synthetic × 180", 180.0, NOON),
    wall_now=NOON,
    newest_open_time=NOON,
    newest_update=NOON,
    sightings=(Sighting(NOON, NOON),),
)


def feed(state: str | None = "live", **changes: Any) -> FeedRow:
    fields: dict[str, Any] = {
        "symbol": "ETHUSDT",
        "producer": "1/1",
        "state": state,
        "last_trade_id": 1419,
        "last_trade_time": NOON - 90 * SECOND,
        "lag_ms": 1500,
        "connected_since": NOON - timedelta(hours=3),
        "held": 0,
        "updated_at": NOON - SECOND,
    }
    return FeedRow(**{**fields, **changes})


def unreported(symbol: str = "BTCUSDT") -> FeedRow:
    return FeedRow(symbol, *[None] * 8)


@pytest.mark.parametrize(
    ("state", "level", "words"),
    [
        ("live", "good", "live"),
        ("starting", "warn", "starting"),
        ("filling", "warn", "filling a hole"),
        ("silent", "bad", "silent: trades are overdue"),
        ("disconnected", "bad", "disconnected"),
        ("stopped", "warn", "stopped just now"),
        ("a state of later", "warn", "a state of later"),
    ],
)
def test_each_state_has_a_colour_and_words(state: str, level: str, words: str) -> None:
    assert feed_markup.health(feed(state), NOON) == feed_markup.Health(level, words)


def test_every_state_of_the_contract_is_known() -> None:
    for state in FeedState:
        row = feed(state.value, updated_at=NOON - 10 * SECOND)
        assert feed_markup.health(row, NOON) != feed_markup.Health("warn", "a state of later")
        assert state in feed_markup._STATES


def test_old_report_is_bad_whatever_it_said() -> None:
    old = feed(updated_at=NOON - 40 * SECOND)
    assert feed_markup.health(old, NOON) == feed_markup.Health(
        "bad", "no report for 40 s, then live"
    )
    stopped = feed("stopped", updated_at=NOON - 40 * SECOND)
    assert feed_markup.health(stopped, NOON) == feed_markup.Health("warn", "stopped 40 s ago")


def test_symbol_without_report() -> None:
    assert feed_markup.health(unreported(), NOON) == feed_markup.Health("", "no report yet")
    body = feed_markup.feed_table([feed(), unreported()], RUN, ZONE)
    assert "no report yet" in body
    assert "1 of 2 feeds live" in body


def test_table_shows_ids_ages_lag_and_producer() -> None:
    body = feed_markup.feed_table([feed(held=12)], RUN, ZONE)
    for text in (">1,419<", ">1 min 30 s ago<", ">1.5 s<", ">12<", ">1/1<", "2026-01-01 09:00 UTC"):
        assert text in body
    assert '<span class="nh-dot good"></span>live' in body


def test_age_is_not_guessed_without_the_exchange_time() -> None:
    lost = RunState(RUN.info, NOON, NOON, NOON - timedelta(hours=1), RUN.sightings)
    body = feed_markup.feed_table([feed()], lost, ZONE)
    assert "1 min 30 s" not in body
    assert ">1.5 s<" in body


def test_nothing_reported_is_said_kindly() -> None:
    for rows in ([], [unreported()]):
        assert "No producer has reported yet" in feed_markup.feed_table(rows, RUN, ZONE)


def test_summary_names_what_to_look_at() -> None:
    rows = [feed(), feed("silent", symbol=EVIL), feed("filling", symbol="XRPUSDT")]
    line = feed_markup.feed_summary(rows, NOON)
    assert "1 of 3 feeds live; look at" in line
    assert "XRPUSDT" not in line
    assert EVIL not in line
    assert "nh-dot bad" in line
    assert "nh-dot good" in feed_markup.feed_summary([feed()], NOON)
    assert "nh-dot warn" in feed_markup.feed_summary([feed(), feed("filling")], NOON)


def test_everything_from_outside_is_escaped() -> None:
    body = feed_markup.feed_table([feed(EVIL, symbol=EVIL, producer=EVIL)], RUN, ZONE)
    assert EVIL not in body
    assert body.count("&lt;script&gt;") == 3
