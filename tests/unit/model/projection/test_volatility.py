"""Volatility goes back to its level; a young coin's level is told by how much wilder it is."""

from __future__ import annotations

import numpy as np
import pytest

from model.projection.settings import ProjectionSettings
from model.projection.volatility import fit, make_components, surprises, weight

pytestmark = pytest.mark.unit

SETTINGS = ProjectionSettings()


def log_volatility(days: int = 3000, coins: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.zeros((days, coins))
    for day in range(1, days):
        values[day] = 0.8 * values[day - 1] + rng.normal(0, 0.3, coins)
    return values + np.log([0.02, 0.03, 0.05])[:coins]


def test_an_average_weighs_the_newest_day_by_its_half_life() -> None:
    assert weight(1.0) == pytest.approx(0.5)
    step = np.concatenate([np.zeros(5000), np.ones(20)])[:, None]
    month = make_components(step, 0, SETTINGS).month[:, 0]
    assert month[-1] == pytest.approx(0.5, abs=1e-9)  # 20 days are its half-life


def test_a_later_day_changes_no_earlier_one() -> None:
    values = log_volatility(400)
    whole = make_components(values, 0, SETTINGS)
    cut = make_components(values[:250], 0, SETTINGS)
    for name in ("day", "week", "month", "level"):
        assert np.array_equal(getattr(whole, name)[:250], getattr(cut, name))


def test_with_a_common_past_the_level_is_the_coins_own_average() -> None:
    values = log_volatility()
    level = make_components(values, 0, SETTINGS).level
    alone = make_components(values[:, 2:], 0, SETTINGS).level
    assert level[:, 2:] == pytest.approx(alone, abs=1e-9)


def test_a_month_in_a_storm_is_no_level() -> None:
    """All coins are e² as wild as ever in the one month that the new coin knows."""
    values = np.tile(np.log([0.02, 0.04]), (1000, 1))
    values[-30:] += 2
    values[:-30, 1] = np.nan
    level = make_components(values, 0, SETTINGS).level[-1]
    assert level[1] - level[0] == pytest.approx(np.log(2))
    assert level[1] < np.log(0.04) + 0.3


def test_the_coefficients_are_found_again() -> None:
    values = log_volatility(20_000)
    components = make_components(values, 0, SETTINGS)
    coefficients = fit(components, values, 1000, len(values))
    assert coefficients == pytest.approx([0.8, 0.0, 0.0], abs=0.05)
    left = surprises(components, values, coefficients, 1000, len(values))
    assert left.std() == pytest.approx(0.3, abs=0.01)
    assert abs(left.mean()) < 0.02


def test_unknown_days_stay_unknown_and_spoil_nothing() -> None:
    values = log_volatility(2000)
    values[500:600, 1] = np.nan
    components = make_components(values, 0, SETTINGS)
    coefficients = fit(components, values, 100, 2000)
    assert np.isfinite(coefficients).all()
    left = surprises(components, values, coefficients, 100, 2000)
    assert np.isnan(left[400:500, 1]).all()
    assert np.isfinite(left[:, 0]).all()
