from __future__ import annotations

import pytest

from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.features import FeatureSpec
from model.windows_plan import manifest_hash, plan_windows
from tests.support.model_history import COINS, START_MS

pytestmark = pytest.mark.unit

DAY = 24 * HOUR_MS
SETTINGS = ModelSettings(max_history_days=0)


def test_short_history_validates_on_its_last_14_days() -> None:
    plan = plan_windows(START_MS, START_MS + 100 * DAY - HOUR_MS, SETTINGS)
    assert plan.is_short
    assert plan.validation_from_ms == START_MS + 86 * DAY
    assert plan.train_until_ms == START_MS + 84 * DAY
    assert plan.split(START_MS + 84 * DAY - HOUR_MS) == "train"
    assert plan.split(START_MS + 84 * DAY) is None
    assert plan.split(START_MS + 86 * DAY - HOUR_MS) is None
    assert plan.split(START_MS + 86 * DAY) == "validation"


def test_long_history_validates_on_its_last_60_days() -> None:
    plan = plan_windows(START_MS, START_MS + 800 * DAY - HOUR_MS, SETTINGS)
    assert not plan.is_short
    assert plan.validation_from_ms == START_MS + 740 * DAY


def test_chunks_hold_every_hour_once() -> None:
    plan = plan_windows(START_MS, START_MS + 100 * DAY - HOUR_MS, SETTINGS)
    hours = [hour for chunk in range(plan.chunks) for hour in plan.chunk_hours_ms(chunk)]
    assert hours == list(range(START_MS, START_MS + 100 * DAY, HOUR_MS))


def test_history_may_be_bounded() -> None:
    bounded = ModelSettings(max_history_days=100)
    plan = plan_windows(START_MS, START_MS + 800 * DAY, bounded)
    assert plan.first_ms == START_MS + 700 * DAY
    assert plan.is_short


def test_too_short_a_history_says_how_much_it_takes() -> None:
    with pytest.raises(ValueError, match="history of 20 days is too short: 40 days"):
        plan_windows(START_MS, START_MS + 20 * DAY, SETTINGS)


def test_name_depends_on_content_meaning_and_bounds() -> None:
    plan = plan_windows(START_MS, START_MS + 100 * DAY, SETTINGS)
    later = plan_windows(START_MS, START_MS + 101 * DAY, SETTINGS)
    spec, other = FeatureSpec(COINS), FeatureSpec(COINS[:3])
    inputs = [{"symbol": "BTCUSDT", "sha256": "a"}]
    names = {
        manifest_hash(inputs, spec, plan),
        manifest_hash([{"symbol": "BTCUSDT", "sha256": "b"}], spec, plan),
        manifest_hash(inputs, other, plan),
        manifest_hash(inputs, spec, later),
    }
    assert len(names) == 4
    assert manifest_hash(inputs, FeatureSpec(COINS), plan) in names
