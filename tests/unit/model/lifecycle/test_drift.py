"""Alarms of the drift watch: on a market that changed, and not on one that did not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from model.feature_spec import STATIC_NAMES
from model.lifecycle.drift import (
    FOUR_WEEKS,
    MIN_ROWS,
    WATCHED,
    Recent,
    Reference,
    findings,
    reference,
    stability,
)

pytestmark = pytest.mark.unit


def features(rows: int, seed: int, **shift: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    static = rng.normal(size=(rows, len(STATIC_NAMES))).astype(np.float32)
    for name, by in shift.items():
        static[:, STATIC_NAMES.index(name)] += by
    return static


def test_the_same_market_is_stable_and_another_is_an_alarm_by_name() -> None:
    trained = reference(features(50_000, 1))
    same = stability(trained, features(3_000, 2))
    assert set(same) == set(WATCHED)
    assert max(same.values()) < 0.05
    changed = stability(trained, features(3_000, 2, volatility_6h=1.5))
    assert findings(changed, Recent()) == [
        f"input volatility_6h: stability index {changed['volatility_6h']:.2f}"
    ]


def test_the_index_by_hand() -> None:
    trained = Reference({"momentum_3h": (0.0,)}, {"momentum_3h": (0.5, 0.5)})
    static = np.zeros((MIN_ROWS * 4, len(STATIC_NAMES)), dtype=np.float32)
    column = STATIC_NAMES.index("momentum_3h")
    static[:, column] = np.tile([-1.0, 1.0, 1.0, 1.0], MIN_ROWS)
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert stability(trained, static)["momentum_3h"] == pytest.approx(expected)


def test_the_calendar_does_not_drift_and_few_rows_say_nothing() -> None:
    trained = reference(features(5_000, 1))
    assert not [name for name in trained.edges if name.startswith("target_")]
    assert stability(trained, features(MIN_ROWS - 1, 2, volatility_6h=9.0)) == {}


def test_a_feature_that_is_one_value_is_no_alarm() -> None:
    static = features(5_000, 1)
    static[:, STATIC_NAMES.index("momentum_24h")] = 0.0
    assert stability(reference(static), static)["momentum_24h"] == 0.0


def test_a_reference_survives_json() -> None:
    trained = reference(features(2_000, 3))
    assert Reference.from_dict(json.loads(json.dumps(trained.to_dict()))) == trained


def skill(hours: int, seed: int, mean: float) -> list[float]:
    return np.random.default_rng(seed).normal(mean, 0.06, hours).tolist()


@pytest.mark.parametrize(("mean", "most", "least"), [(0.0057, 0, 0), (0.0, 4, 0), (-0.02, 40, 38)])
def test_a_loss_that_is_no_chance_is_an_alarm(mean: float, most: int, least: int) -> None:
    """Means and deviation as measured: an edge, none, and clear harm; 40 markets each."""
    series = (Recent(savings=tuple(skill(FOUR_WEEKS, seed, mean))) for seed in range(40))
    alarms = sum(bool(findings({}, recent)) for recent in series)
    assert least <= alarms <= most


def test_less_than_four_weeks_say_nothing_of_skill() -> None:
    assert not findings({}, Recent(savings=tuple(skill(FOUR_WEEKS - 1, 1, -1.0))))


@pytest.mark.parametrize(("share", "alarm"), [(0.9, False), (0.86, True), (0.94, True)])
def test_coverage_of_four_weeks(share: float, alarm: bool) -> None:
    assert bool(findings({}, Recent(covered=(share,) * FOUR_WEEKS))) == alarm
    assert not findings({}, Recent(covered=(share,) * (FOUR_WEEKS - 1)))


def test_an_adapted_share_out_of_its_bounds_names_the_coin() -> None:
    lines = findings({}, Recent(alphas={"BTCUSDT": 0.1, "ETHUSDT": 0.04, "SOLUSDT": 0.21}))
    assert [line.split("'")[0] for line in lines] == [
        "calibration: ETHUSDT",
        "calibration: SOLUSDT",
    ]
