from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reconnect import Reconnect, ReconnectPolicy

pytestmark = pytest.mark.unit

POLICY = ReconnectPolicy(base_s=0.5, cap_s=30.0, stable_s=30.0, budget=10, window_s=300.0)


def test_first_attempt_is_at_once() -> None:
    assert Reconnect(POLICY, lambda: 1.0).wait_s(0, 100.0) == 0.0


@pytest.mark.parametrize(
    ("failures", "bound"), [(1, 1.0), (2, 2.0), (5, 16.0), (6, 30.0), (99, 30.0)]
)
def test_bound_doubles_up_to_the_cap(failures: int, bound: float) -> None:
    assert Reconnect(POLICY, lambda: 1.0).wait_s(failures, 0.0) == bound


def test_jitter_is_full() -> None:
    """Clients that were cut at the same moment must spread over the whole wait."""
    assert Reconnect(POLICY, lambda: 0.0).wait_s(5, 0.0) == 0.0
    assert Reconnect(POLICY, lambda: 0.25).wait_s(5, 0.0) == 4.0


@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0, 20)), min_size=30, max_size=80))
def test_never_more_attempts_than_the_budget_in_any_window(steps: list[tuple[int, float]]) -> None:
    reconnect = Reconnect(POLICY, lambda: 0.5)
    now_s, attempts = 0.0, []
    for failures, pause_s in steps:
        now_s += pause_s
        now_s += reconnect.wait_s(failures, now_s)
        attempts.append(now_s)
    for first, later in zip(attempts, attempts[POLICY.budget :], strict=False):
        assert later - first >= POLICY.window_s - 1e-6


def test_a_long_life_forgives() -> None:
    reconnect = Reconnect(POLICY, lambda: 1.0)
    assert reconnect.failures_after(7, 29.9) == 8
    assert reconnect.failures_after(7, 30.0) == 0
