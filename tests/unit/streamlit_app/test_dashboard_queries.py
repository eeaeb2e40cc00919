from datetime import timedelta

import pytest

from streamlit_app import queries
from tests.support.dashboard_records import HOUR, NOON, candle

pytestmark = pytest.mark.unit

ROW = {
    "wall_now": NOON,
    "info": {
        "namespace": "demo",
        "venue": "stand-in",
        "source_label": "replay",
        "speed": 180.0,
        "started_at": "ignored: jsonb has no times",
    },
    "started_at": NOON - HOUR,
    "newest_update": NOON - timedelta(seconds=5),
    "last_trade_time": None,
    "trade_seen": NOON,
    "close_time": NOON - HOUR,
    "close_seen": NOON,
    "issued_at": None,
    "forecast_seen": None,
}


def test_run_state_leaves_out_half_sightings() -> None:
    state = queries.run_state_of(ROW)
    assert [(s.exchange, s.wall) for s in state.sightings] == [(NOON - HOUR, NOON)]
    assert state.data_age == timedelta(seconds=5)
    assert state.info is not None
    assert (state.info.source_label, state.info.started_at) == ("replay", NOON - HOUR)


def test_run_state_of_a_run_that_has_said_nothing() -> None:
    state = queries.run_state_of({**ROW, "info": None, "newest_update": None})
    assert state.info is None
    assert state.data_age is None


def test_all_strips_end_at_the_newest_final_hour() -> None:
    assert queries.strip_end([candle(0), candle(3), candle(1)]) == NOON + 3 * HOUR
    assert queries.strip_end([]) is None
