from datetime import UTC, datetime, timedelta

import pytest

from conf.exchange_time import Sighting, exchange_now, freshness, time_to_close

pytestmark = pytest.mark.unit

WALL = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
AGE = timedelta(seconds=1)
EXCHANGE = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)


def test_the_clock_moves_on_by_the_speed() -> None:
    seen = [Sighting(EXCHANGE, WALL)]
    now = exchange_now(seen, WALL + timedelta(seconds=2), 180, AGE)
    assert now == EXCHANGE + timedelta(minutes=6)


def test_the_latest_estimate_counts_since_each_is_a_lower_bound() -> None:
    late_row = Sighting(EXCHANGE, WALL + timedelta(seconds=3))
    prompt_row = Sighting(EXCHANGE + timedelta(seconds=30), WALL)
    now = exchange_now([late_row, prompt_row], WALL + timedelta(seconds=3), 180, AGE)
    assert now == EXCHANGE + timedelta(seconds=30 + 540)


def test_a_close_tells_the_time_for_as_long_as_rows_arrive() -> None:
    seen = [Sighting(EXCHANGE, WALL)]
    later = WALL + timedelta(minutes=50)
    assert exchange_now(seen, later, 1, AGE) == EXCHANGE + timedelta(minutes=50)
    assert exchange_now(seen, later, 1, timedelta(seconds=61)) is None
    assert exchange_now(seen, later, 1, None) is None
    assert exchange_now([], later, 1, AGE) is None


def test_time_to_close_stops_at_zero() -> None:
    assert time_to_close(EXCHANGE, EXCHANGE + timedelta(minutes=20)) == timedelta(minutes=40)
    assert time_to_close(EXCHANGE, EXCHANGE + timedelta(hours=2)) == timedelta(0)
    assert time_to_close(EXCHANGE, None) is None


@pytest.mark.parametrize(
    ("age", "word"), [(None, "none"), (0, "fresh"), (15, "fresh"), (16, "slow"), (61, "stale")]
)
def test_freshness_by_age(age: float | None, word: str) -> None:
    assert freshness(None if age is None else timedelta(seconds=age)) == word
