"""Connection attempts in a rolling window."""

from __future__ import annotations

import pytest

from exchange.attempts import AttemptMeter

pytestmark = pytest.mark.unit


def test_the_window_rolls_per_address() -> None:
    meter = AttemptMeter(limit=2, window_s=300.0)

    assert [meter.refusal("a", now) for now in (0.0, 100.0)] == [None, None]
    assert meter.refusal("b", 100.0) is None
    assert meter.refusal("a", 200.0) == 200  # the one at 100 s must leave first
    assert meter.refusal("a", 399.0) == 101
    assert meter.refusal("a", 700.0) is None
    assert meter.total == 6


def test_refused_attempts_count() -> None:
    meter = AttemptMeter(limit=1, window_s=10.0)

    answers = [meter.refusal("a", float(now)) for now in range(0, 100, 5)]

    assert answers[0] is None
    assert None not in answers[1:]


@pytest.mark.parametrize("limit", [1, 3])
def test_waiting_as_long_as_asked_is_enough(limit: int) -> None:
    meter = AttemptMeter(limit=limit, window_s=7.5)
    now = 0.0
    while (wait_s := meter.refusal("a", now)) is None:
        now += 0.25

    assert meter.refusal("a", now + wait_s) is None
