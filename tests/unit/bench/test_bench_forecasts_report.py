"""Memory and time of the hourly sink over many hours."""

from __future__ import annotations

import pytest

from tests.bench.forecasts.report import build_report

pytestmark = pytest.mark.unit

SECONDS = [0.1] * 90


def test_flat_memory_is_green_whatever_the_warm_up_was() -> None:
    report = build_report(SECONDS, [100.0 + n for n in range(30)] + [200.0] * 60, 4, [])
    assert report.is_green
    assert report.targets[0].measured == 0.0
    assert report.memory_mib[0] == 104.0
    assert len(report.memory_mib) == 10


def test_memory_that_grows_is_red() -> None:
    report = build_report(SECONDS, [100.0] * 60 + [106.0] * 30, 4, [])
    assert not report.is_green
    assert report.targets[0].measured == pytest.approx(0.06)


def test_slow_or_missing_hours_are_red() -> None:
    assert not build_report([2.0] * 90, [100.0] * 90, 4, []).is_green
    assert not build_report(SECONDS, [100.0] * 90, 4, ["8 hours instead of 90"]).is_green
