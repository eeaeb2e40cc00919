"""Targets and verdicts of the read API's benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from nexthour.latency import Latency
from tests.bench.api.report import (
    NOT_MODIFIED,
    UNCACHED,
    Load,
    targets,
    wrong_answers,
)
from tests.bench.store import HOURS, LIVE_HOURS, candle_lines, cents, forecast_lines, prices

pytestmark = pytest.mark.unit


def load(name: str, per_s: float = 100.0, p95_ms: float = 10.0, **statuses: int) -> Load:
    return Load(
        name=name,
        connections=2,
        requests=sum(statuses.values()),
        per_s=per_s,
        p50_ms=p95_ms,
        p95_ms=p95_ms,
        p99_ms=p95_ms,
        cpu_ms=1.0,
        body_kib=1.0,
        statuses={name.removeprefix("s"): count for name, count in statuses.items()},
    )


def test_targets_are_what_was_measured_against_what_is_demanded() -> None:
    loads = [load(UNCACHED, 19.9, 150.0, s200=5), load(NOT_MODIFIED, 500.0, s304=5)]
    found = targets(loads, Latency(40, 0.3, 1.01, 2.0))
    assert [target.is_met for target in found] == [False, True, True, False]
    assert targets([], None) == []


def test_other_answers_than_expected_are_a_problem() -> None:
    assert wrong_answers([load(UNCACHED, s200=5), load(NOT_MODIFIED, s304=5)]) == []
    assert "503" in wrong_answers([load(UNCACHED, s200=5, s503=1)])[0]
    assert wrong_answers([load(NOT_MODIFIED, s200=5)]), "a page that was sent is no 304"
    assert wrong_answers([load(UNCACHED)]), "nobody was answered"


def test_the_world_has_years_of_hours_and_months_of_forecasts_the_same_for_a_seed() -> None:
    def lines() -> list[str]:
        draw = np.random.default_rng([1, 0])
        return candle_lines("BTCUSDT", prices(draw, HOURS + 1), draw)

    found = lines()
    assert len(found) == HOURS == 26_280
    assert found == lines()
    first, last = (line.rstrip("\n").split("\t") for line in (found[0], found[-1]))
    assert len(first) == len(last) == 19
    assert (first[1], last[1]) == ("2021-07-02T00:00:00+00:00", "2024-06-30T23:00:00+00:00")
    assert (first[15], last[15]) == ("history", "complete")
    low, opened, close, high = (float(last[at]) for at in (5, 3, 6, 4))
    assert low < min(opened, close) <= max(opened, close) < high
    draw = np.random.default_rng([1, 0])
    assert len(forecast_lines("BTCUSDT", prices(draw, HOURS + 1))) == LIVE_HOURS
    assert cents(105) == "1.05"
