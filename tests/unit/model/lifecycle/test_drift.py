"""Alarms of the drift watch: on a market that changed, and not on one that did not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from conf.names import HOUR_MS, WEEK_MS
from model.feature_spec import STATIC_NAMES
from model.lifecycle.drift import (
    FOUR_WEEKS,
    MIN_HOURS,
    PSI_ALARM,
    WATCHED,
    Recent,
    Reference,
    findings,
    reference,
    stability,
)

pytestmark = pytest.mark.unit

UNSEEN = Reference({}, {}, {})


def features(rows: int, seed: int, **shift: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    static = rng.normal(size=(rows, len(STATIC_NAMES))).astype(np.float32)
    for name, by in shift.items():
        static[:, STATIC_NAMES.index(name)] += by
    return static


def hours(rows: int) -> np.ndarray:
    """Ten coins an hour."""
    return np.arange(rows) // 10 * HOUR_MS


def week(momentum: float, seed: int) -> np.ndarray:
    """A week of ten coins in which all of them moved alike."""
    static = features(1_680, seed)
    column = static[:, STATIC_NAMES.index("momentum_168h")]
    column[:] = momentum + 0.3 * column
    return static


def test_the_same_market_is_stable_and_another_is_an_alarm_by_name() -> None:
    trained = reference(features(50_000, 1), hours(50_000))
    same = stability(trained, features(3_000, 2), hours(3_000))
    assert set(same) == set(WATCHED)
    assert max(same.values()) < 0.05
    assert set(trained.alarms.values()) == {PSI_ALARM}
    changed = stability(trained, features(3_000, 2, volatility_6h=1.5), hours(3_000))
    assert findings(trained, changed, Recent()) == [
        f"input volatility_6h: stability index {changed['volatility_6h']:.2f}, "
        "at most 0.25 in training"
    ]


def test_a_week_is_no_alarm_for_being_one_week() -> None:
    """Each week of training has one momentum: none is like all of them together."""
    momenta = np.random.default_rng(0).normal(size=100)
    weeks = [week(momentum, seed) for seed, momentum in enumerate(momenta)]
    trained = reference(np.concatenate(weeks), hours(168_000))
    usual = [stability(trained, week(one, 1_000), hours(1_680)) for one in (-1.0, 0.0, 1.0)]
    assert min(indices["momentum_168h"] for indices in usual) > 2 * PSI_ALARM
    assert not any(findings(trained, indices, Recent()) for indices in usual)
    unheard_of = stability(trained, week(6.0, 1_000), hours(1_680))
    (line,) = findings(trained, unheard_of, Recent())
    assert line.startswith("input momentum_168h")


def test_a_week_of_training_with_a_few_hours_sets_no_bound() -> None:
    static = features(50_000, 1)
    static[:30] = features(30, 2, momentum_168h=50.0)
    of_one_day = hours(50_000) + WEEK_MS - 24 * HOUR_MS
    assert reference(static, of_one_day).alarms["momentum_168h"] == PSI_ALARM


def test_the_index_by_hand() -> None:
    trained = Reference({"momentum_3h": (0.0,)}, {"momentum_3h": (0.5, 0.5)}, {"momentum_3h": 1.0})
    rows = MIN_HOURS * 10
    static = np.zeros((rows, len(STATIC_NAMES)), dtype=np.float32)
    column = STATIC_NAMES.index("momentum_3h")
    static[:, column] = np.tile([-1.0, 1.0, 1.0, 1.0], rows // 4)
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert stability(trained, static, hours(rows))["momentum_3h"] == pytest.approx(expected)


def test_the_calendar_does_not_drift_and_few_hours_say_nothing() -> None:
    trained = reference(features(5_000, 1), hours(5_000))
    assert not [name for name in trained.edges if name.startswith("target_")]
    rows = 10 * (MIN_HOURS - 1)
    assert stability(trained, features(rows, 2, volatility_6h=9.0), hours(rows)) == {}


def test_a_feature_that_is_one_value_is_no_alarm() -> None:
    static = features(5_000, 1)
    static[:, STATIC_NAMES.index("momentum_24h")] = 0.0
    trained = reference(static, hours(5_000))
    assert stability(trained, static, hours(5_000))["momentum_24h"] == 0.0


def test_a_reference_survives_json_and_an_older_one_has_the_conventions_alarms() -> None:
    trained = reference(features(20_000, 3), hours(20_000))
    value = json.loads(json.dumps(trained.to_dict()))
    assert Reference.from_dict(value) == trained
    for one in value.values():
        del one["alarm"]
    assert set(Reference.from_dict(value).alarms.values()) == {PSI_ALARM}


def skill(hours: int, seed: int, mean: float) -> list[float]:
    return np.random.default_rng(seed).normal(mean, 0.06, hours).tolist()


@pytest.mark.parametrize(("mean", "most", "least"), [(0.0057, 0, 0), (0.0, 4, 0), (-0.02, 40, 38)])
def test_a_loss_that_is_no_chance_is_an_alarm(mean: float, most: int, least: int) -> None:
    """Means and deviation as measured: an edge, none, and clear harm; 40 markets each."""
    series = (Recent(savings=tuple(skill(FOUR_WEEKS, seed, mean))) for seed in range(40))
    alarms = sum(bool(findings(UNSEEN, {}, recent)) for recent in series)
    assert least <= alarms <= most


def test_less_than_four_weeks_say_nothing_of_skill() -> None:
    assert not findings(UNSEEN, {}, Recent(savings=tuple(skill(FOUR_WEEKS - 1, 1, -1.0))))


@pytest.mark.parametrize(("share", "alarm"), [(0.9, False), (0.86, True), (0.94, True)])
def test_coverage_of_four_weeks(share: float, alarm: bool) -> None:
    assert bool(findings(UNSEEN, {}, Recent(covered=(share,) * FOUR_WEEKS))) == alarm
    assert not findings(UNSEEN, {}, Recent(covered=(share,) * (FOUR_WEEKS - 1)))


def test_an_adapted_share_out_of_its_bounds_names_the_coin() -> None:
    lines = findings(UNSEEN, {}, Recent(alphas={"BTCUSDT": 0.1, "ETHUSDT": 0.04, "SOLUSDT": 0.21}))
    assert [line.split("'")[0] for line in lines] == [
        "calibration: ETHUSDT",
        "calibration: SOLUSDT",
    ]
