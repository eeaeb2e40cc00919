"""Targets and figures of the dashboard's benchmark."""

from __future__ import annotations

import pytest

from tests.bench.dashboard.report import Memory, targets, timing

pytestmark = pytest.mark.unit


def memory(*samples: float) -> Memory:
    return Memory(refreshes=100, equals_hours=8.0, samples_mib=list(samples))


def test_a_timing_is_of_nearest_rank() -> None:
    found = timing("x", [0.001 * value for value in range(1, 101)])
    assert (found.count, found.p50_ms, found.p95_ms, found.max_ms) == (100, 50.0, 95.0, 100.0)


def test_memory_that_grows_or_shrinks_is_not_flat() -> None:
    assert memory(*[100.0] * 8, 104, 104, 104, 104).drift == pytest.approx(0.04)
    assert memory(100, 100, 90, 90).drift == pytest.approx(-0.1)
    assert memory(100).drift == 0


def test_the_slowest_of_each_group_is_what_counts() -> None:
    fast, slow = timing("fast", [0.1]), timing("slow", [0.301])
    found = targets([fast, slow], [fast], [slow], [slow], memory(100, 110))
    assert [target.is_met for target in found] == [False, True, True, True, False]
    assert "(slow)" in found[0].name
