"""Paths: volatility that is known gives log-prices that can be reckoned by hand."""

from __future__ import annotations

import numpy as np
import pytest

from model.projection.settings import ProjectionSettings
from model.projection.shocks import Shocks
from model.projection.simulate import State, simulate

pytestmark = pytest.mark.unit

SETTINGS = ProjectionSettings(week_half_life=1.0, month_half_life=2.0)


def shocks(move: list[float], surprise: list[float]) -> Shocks:
    columns = [np.array(values)[:, None] for values in (move, surprise)]
    return Shocks(*columns, np.ones((len(move), 1), dtype=bool))


def state(coefficients: tuple[float, float, float], ceiling: float = 10.0) -> State:
    return State(np.array([[1.0, 0.5, 0.25]]), np.array([-3.0]), np.array(coefficients), ceiling)


def test_two_days_by_hand() -> None:
    path = simulate(
        state((0.5, 0.2, 0.1)), shocks([1.0, -2.0], [0.0, 0.3]), np.array([[0], [1]]), SETTINGS
    )
    first = 0.5 * 1 + 0.2 * 0.5 + 0.1 * 0.25
    week = 0.5 + 0.5 * (first - 0.5)
    month = 0.25 + (1 - 0.5**0.5) * (first - 0.25)
    second = 0.5 * first + 0.2 * week + 0.1 * month + 0.3
    moves = [np.exp(first - 3), -2 * np.exp(second - 3)]
    assert path[0, :, 0] == pytest.approx(np.cumsum(moves))


def test_no_path_is_wilder_than_any_day_that_was() -> None:
    path = simulate(
        state((1.0, 0.5, 0.5), ceiling=1.0), shocks([1.0], [5.0]), np.zeros((50, 3), int), SETTINGS
    )
    assert np.diff(path[0], axis=0, prepend=0) == pytest.approx(np.exp(1.0 - 3.0))


def test_without_surprises_volatility_reaches_its_level() -> None:
    path = simulate(state((0.5, 0.2, 0.1)), shocks([1.0], [0.0]), np.zeros((200, 1), int), SETTINGS)
    assert path[0, -1, 0] - path[0, -2, 0] == pytest.approx(np.exp(-3.0))


def test_each_coin_is_simulated_as_if_alone() -> None:
    both = Shocks(*np.random.default_rng(0).normal(size=(2, 30, 2)), np.ones((30, 2), dtype=bool))
    two = State(np.array([[1, 0.5, 0.2], [0, 0.1, 0]]), np.array([-3.0, -4]), np.full(3, 0.3), 9.0)
    days = np.random.default_rng(1).integers(30, size=(20, 40))
    whole = simulate(two, both, days, SETTINGS)
    for coin in (0, 1):
        one = np.array([coin])
        alone = simulate(two.of(one), both.of(one), days, SETTINGS)
        assert alone[0] == pytest.approx(whole[coin], rel=1e-12)
