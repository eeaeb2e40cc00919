from datetime import timedelta

import pytest

from streamlit_app.queries import overview as overview_queries
from streamlit_app.queries import run as run_queries
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
    "newest_open_time": NOON,
}


def test_run_state_moves_the_clock_on_by_the_speed_of_the_run() -> None:
    seen = [{"exchange": NOON - HOUR, "wall": NOON - timedelta(seconds=10)}]
    state = run_queries.run_state_of(ROW, seen)
    assert state.exchange_now == NOON - HOUR + timedelta(minutes=30)
    assert state.data_age == timedelta(seconds=5)
    assert state.info is not None
    assert (state.info.source_label, state.info.started_at) == ("replay", NOON - HOUR)


def test_run_state_of_a_run_that_has_said_nothing() -> None:
    state = run_queries.run_state_of({**ROW, "info": None, "newest_update": None}, [])
    assert state.info is None
    assert state.data_age is None
    assert state.exchange_now is None


def test_all_strips_end_at_the_newest_final_hour() -> None:
    assert overview_queries.strip_end([candle(0), candle(3), candle(1)]) == NOON + 3 * HOUR
    assert overview_queries.strip_end([]) is None
