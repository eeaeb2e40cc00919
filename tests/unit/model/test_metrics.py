from __future__ import annotations

import math

import numpy as np
import pytest

from model.metrics import coverage, crossings, directional_accuracy, pinball, relative_mae

pytestmark = pytest.mark.unit


def test_pinball_weighs_the_two_sides_by_the_level() -> None:
    actual = np.array([1.0, -1.0])
    assert pinball(actual, np.zeros((2, 1)), [0.9]) == pytest.approx((0.9 + 0.1) / 2)
    assert pinball(np.array([2.0]), np.zeros((1, 1)), [0.9]) == pytest.approx(1.8)


def test_pinball_is_least_at_the_true_quantile() -> None:
    actual = np.random.default_rng(0).normal(size=20_000)
    losses = [pinball(actual, np.full((20_000, 1), q), [0.95]) for q in (1.3, 1.645, 2.0)]
    assert losses[1] == min(losses)


def test_relative_mae_compares_on_the_same_rows() -> None:
    actual, naive = np.array([1.0, 2.0]), np.array([0.0, 0.0])
    assert relative_mae(actual, np.array([0.5, 1.0]), naive) == pytest.approx(0.5)
    assert math.isnan(relative_mae(actual, naive, actual))


def test_ties_count_one_half() -> None:
    change = np.array([1.0, -1.0, 0.0, 1.0])
    assert directional_accuracy(change, np.zeros(4)) == 0.5
    assert directional_accuracy(change, np.array([2.0, 2.0, 1.0, 0.0])) == 0.5
    assert directional_accuracy(change, change) == pytest.approx(3.5 / 4)


def test_band_is_closed() -> None:
    assert coverage(np.array([0.0, 1.0, 2.0]), np.zeros(3), np.ones(3)) == pytest.approx(2 / 3)


def test_crossings_counts_rows() -> None:
    assert crossings(np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0], [1.0, 1.0, 1.0]])) == 1
