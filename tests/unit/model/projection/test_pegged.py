"""Stable coins go back to the peg, stay within what was seen, and are wider when away from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.projection.pegged import (
    SLOWEST_RETURN,
    Peg,
    fit_peg,
    peg_quantiles,
    simulate_peg,
)
from model.stable import DEFAULT_TICK, DEPEG, DEPEG_WIDENING

pytestmark = pytest.mark.unit


def closes(persistence: float, days: int = 5000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    distance = np.zeros(days)
    for day in range(1, days):
        distance[day] = persistence * distance[day - 1] + rng.normal(0, 2e-4)
    return np.exp(distance)


def positions(peg: Peg, horizon: int = 60, paths: int = 500) -> np.ndarray:
    return np.random.default_rng(1).integers(len(peg.shocks), size=(horizon, paths))


@pytest.mark.parametrize("persistence", [0.0, 0.5, 0.9])
def test_the_rule_is_found_again(persistence: float) -> None:
    peg = fit_peg(closes(persistence))
    assert peg.persistence == pytest.approx(persistence, abs=0.04)
    assert peg.shocks.std() == pytest.approx(2e-4, rel=0.05)
    assert peg.shocks.mean() == pytest.approx(0, abs=1e-15)


def test_a_day_of_panic_counts_for_the_bound_and_not_for_the_way_back() -> None:
    calm = closes(0.5)
    panic = calm.copy()
    panic[1000] = 0.95
    assert fit_peg(panic).persistence == pytest.approx(fit_peg(calm).persistence, abs=0.01)
    assert fit_peg(panic).bound == pytest.approx(-np.log(0.95))
    assert fit_peg(calm).bound == DEPEG


@given(st.floats(0.8, 1.2), st.floats(0, SLOWEST_RETURN), st.floats(1e-5, 1e-2))
def test_paths_stay_inside_the_bound(last_close: float, persistence: float, shock: float) -> None:
    peg = Peg(persistence, np.array([-shock, shock]), DEPEG)
    prices = simulate_peg(peg, last_close, positions(peg, paths=50))
    farthest = max(DEPEG, abs(np.log(last_close)))
    assert (np.abs(np.log(prices)) <= farthest * (1 + 1e-9)).all()
    quantiles = peg_quantiles(prices)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles[:, 4] - quantiles[:, 0] >= 2 * DEFAULT_TICK * (1 - 1e-9)).all()


def test_away_from_the_peg_it_comes_back_and_nobody_is_sure() -> None:
    peg = fit_peg(closes(0.9))
    near = peg_quantiles(simulate_peg(peg, 1.0, positions(peg)))
    far = peg_quantiles(simulate_peg(peg, 0.97, positions(peg)))
    assert far[0, 2] == pytest.approx(0.97**0.9, abs=1e-3)
    assert far[-1, 2] == pytest.approx(1, abs=1e-3)
    assert (far[-1, 4] - far[-1, 0]) == pytest.approx(
        DEPEG_WIDENING * (near[-1, 4] - near[-1, 0]), rel=0.1
    )


def test_a_coin_without_two_days_has_the_widest_guess_of_none() -> None:
    peg = fit_peg(np.array([1.0, np.nan, 1.001]))
    assert (peg.persistence, peg.shocks.tolist(), peg.bound) == (0.0, [0.0], DEPEG)
