"""When REST is asked for missing ids, and when they are given up."""

from __future__ import annotations

import pytest

from producers.hole_patience import HolePatience
from producers.questions import Policy

pytestmark = pytest.mark.unit

POLICY = Policy(fill_grace_s=0.5, fill_deadline_s=10.0, retry_base_s=1.0, retry_cap_s=4.0)


def test_a_hole_is_asked_for_after_its_grace_and_given_up_after_its_deadline() -> None:
    patience = HolePatience(POLICY)
    patience.see(10, 100.0)
    patience.see(10, 100.4)  # still the same
    assert [patience.is_due(now_s) for now_s in (100.4, 100.5)] == [False, True]
    assert [patience.is_over(now_s) for now_s in (109.9, 110.0)] == [False, True]
    patience.see(11, 110.0)
    assert not patience.is_over(110.0)
    assert not patience.is_due(110.0)


def test_a_hole_that_was_closed_starts_anew() -> None:
    patience = HolePatience(POLICY)
    patience.see(10, 100.0)
    assert not patience.is_passed_over()
    patience.close()
    patience.see(10, 200.0)
    assert not patience.is_due(200.0)
    assert [patience.is_passed_over() for _ in range(2)] == [False, True]


def test_answers_that_do_not_help_are_asked_again_less_and_less_often() -> None:
    patience = HolePatience(POLICY)
    patience.see(10, 0.0)
    waits = []
    now_s = 1.0
    for _ in range(4):
        patience.not_helped(now_s)
        waits.append(next(n for n in range(9) if patience.is_due(now_s + n)))
        now_s += waits[-1]
    assert waits == [1, 2, 4, 4]
    patience.helped()
    assert patience.is_due(now_s)
