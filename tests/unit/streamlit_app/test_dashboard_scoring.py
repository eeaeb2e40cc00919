"""What may be said in public about the forecasts, and their running error."""

from __future__ import annotations

import pytest

from streamlit_app import scoring
from streamlit_app.records.forecasts import HourScore
from tests.support.dashboard_records import HOUR, NOON, score

pytestmark = pytest.mark.unit


def hours(count: int, error: float = 0.9, naive: float = 1.0) -> list[HourScore]:
    return [HourScore(NOON + n * HOUR, 9, error, naive, 8) for n in range(count)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hours": 167}, "too_few"),
        ({}, "better"),
        ({"gain": -0.0001}, "worse"),
        ({"gain_se": 0.0001}, "no_better"),
        ({"gain": 0.0, "gain_se": 0.0}, "no_better"),  # always said the last price
        ({"gain_se": None}, "no_better"),
    ],
)
def test_opinion_needs_hours_and_significance(changes: dict[str, float], said: str) -> None:
    assert scoring.opinion(score(**changes)) == said


def test_no_score_no_opinion() -> None:
    assert scoring.opinion(None) == "too_few"
    assert scoring.pooled([score("ETHUSDT")]) is None
    assert scoring.pooled([score(forecasts=0)]) is None
    assert scoring.pooled([score(), score("ETHUSDT")]) == score()


def test_ratio_and_t_are_unknown_where_nothing_moved() -> None:
    assert score(naive_error=0.0).ratio is None
    assert score().ratio == pytest.approx(0.98)
    assert score().t == pytest.approx(3)
    assert score(gain=None).t is None


def test_running_ratio_ends_at_the_total() -> None:
    found = scoring.running_ratio([*hours(9), HourScore(NOON + 9 * HOUR, 9, 1.8, 1.0, 9)])
    assert len(found) == 10
    assert found["ratio"].iloc[-1] == pytest.approx((9 * 0.9 + 1.8) / 10)
    assert found["coverage"].iloc[-1] == pytest.approx((9 * 8 + 9) / 90)


def test_running_ratio_waits_for_the_first_move() -> None:
    found = scoring.running_ratio([*hours(1, 0.0, 0.0), *hours(2)[1:]])
    assert list(found["target_open_time"]) == [NOON + HOUR]


def test_many_hours_are_thinned_and_the_last_one_stays() -> None:
    found = scoring.running_ratio(hours(2000))
    assert len(found) <= scoring.MOST_POINTS
    assert found["target_open_time"].iloc[-1] == NOON + 1999 * HOUR
    assert scoring.running_ratio([]).empty
