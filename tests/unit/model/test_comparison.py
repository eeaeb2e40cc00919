"""Challenger against champion: what is the same is the same, what is worse shows beyond doubt."""

from __future__ import annotations

import json

import numpy as np
import pytest

from conf.contracts.forecasts import QUANTILES
from conf.names import DAY_MS, HOUR_MS
from model.comparison import Comparison, compare
from model.dataset import Windows

pytestmark = pytest.mark.unit

WEEKS = 9


def windows(seed: int = 0, weeks: int = WEEKS) -> Windows:
    rng = np.random.default_rng(seed)
    hours = weeks * 168
    times = np.repeat(480_000 * HOUR_MS + HOUR_MS * np.arange(hours), 2)
    count = len(times)
    return Windows(
        symbols=np.array(["A", "B"] * hours, dtype=object),
        open_time_ms=times,
        inputs={},
        sigma=rng.uniform(0.002, 0.01, count),
        last_close=np.full(count, 100.0),
        z=rng.standard_t(4, count),
    )


def quantiles(rows: Windows, knows: float) -> np.ndarray:
    """Return bands around a median that knows so much of what comes."""
    offsets = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])
    return knows * np.sign(rows.z)[:, None] + offsets[None, :]


def test_the_same_forecasts_do_not_differ() -> None:
    rows = windows()
    found = compare(rows, quantiles(rows, 0.1), quantiles(rows, 0.1), QUANTILES, "v1")
    assert found == Comparison("v1", len(rows.z), 0, 0, 0, 0, 0, 0)


def test_a_better_challenger_is_below_zero_beyond_doubt_and_the_other_way_round() -> None:
    rows = windows()
    better = compare(rows, quantiles(rows, 0.2), quantiles(rows, 0.1), QUANTILES, "v1")
    assert better.rmae_low <= better.rmae <= better.rmae_high < 0
    assert better.pinball_low <= better.pinball <= better.pinball_high < 0
    worse = compare(rows, quantiles(rows, 0.1), quantiles(rows, 0.2), QUANTILES, "v1")
    assert worse.rmae == pytest.approx(-better.rmae)
    assert worse.pinball_low > 0


def test_noise_is_no_difference() -> None:
    rows = windows()
    noise = np.random.default_rng(7).normal(0, 0.01, (len(rows.z), 1))
    found = compare(rows, quantiles(rows, 0.1) + noise, quantiles(rows, 0.1), QUANTILES, "v1")
    assert found.pinball_low < 0 < found.pinball_high
    assert found == compare(
        rows, quantiles(rows, 0.1) + noise, quantiles(rows, 0.1), QUANTILES, "v1"
    )


def test_two_weeks_are_bounded_by_their_days() -> None:
    """The challenger is worse on one day of either week: some draws of days do without both."""
    rows = windows(weeks=2)
    day = (rows.open_time_ms - rows.open_time_ms[0]) // DAY_MS
    own = np.where(np.isin(day, (0, 6)), -3.0, 0.1)[:, None] * np.sign(rows.z)[:, None]
    offsets = quantiles(rows, 0.0)
    found = compare(rows, offsets + own, quantiles(rows, 0.1), QUANTILES, "v1")
    assert found.rmae_low == 0 < found.rmae < found.rmae_high


def test_it_survives_json() -> None:
    rows = windows()
    found = compare(rows, quantiles(rows, 0.2), quantiles(rows, 0.1), QUANTILES, "v1")
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found
