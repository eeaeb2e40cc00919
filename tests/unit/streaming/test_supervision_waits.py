"""How long a failed query waits before it is started again."""

from __future__ import annotations

import random

import pytest

from conf.settings import SupervisionSettings
from streaming.supervision import RestartWaits

pytestmark = pytest.mark.unit

SETTINGS = SupervisionSettings(restart_base_s=1.0, restart_cap_s=30.0, stable_after_s=60.0)


def longest(_low: float, high: float) -> float:
    return high


def test_waits_double_up_to_the_cap_and_go_on_for_ever() -> None:
    waits = RestartWaits(SETTINGS, longest)
    assert [waits.next_wait_s(0.1) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert [waits.next_wait_s(0.1) for _ in range(3000)][-1] == 30
    assert waits.failures == 3007


def test_a_stable_run_starts_from_the_base() -> None:
    waits = RestartWaits(SETTINGS, longest)
    for _ in range(4):
        waits.next_wait_s(59.9)
    assert waits.next_wait_s(60.0) == 1
    assert waits.failures == 1


def test_jitter_is_full() -> None:
    seeded = random.Random(1)
    drawn = []
    for _ in range(300):
        waits = RestartWaits(SETTINGS, seeded.uniform)
        waits.next_wait_s(0.0)
        drawn.append(waits.next_wait_s(0.0))
    assert min(drawn) < 0.1
    assert 1.9 < max(drawn) <= 2.0
