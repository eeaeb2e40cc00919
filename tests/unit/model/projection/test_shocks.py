"""Shocks of all coins drawn together: what holds between coins and in time holds in what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.projection.shocks import draw_blocks, drawn_days, make_shocks

pytestmark = pytest.mark.unit

DAYS = 800
CORRELATION = np.array([[1.0, 0.8, 0.6], [0.8, 1.0, 0.7], [0.6, 0.7, 1.0]])


def correlated(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(CORRELATION)
    return rng.standard_normal((DAYS, 3)) @ root.T, 0.3 * rng.standard_normal((DAYS, 3)) @ root.T


@given(
    seed=st.integers(0, 2**32),
    pool=st.integers(1, 2000),
    horizon=st.integers(1, 60),
    block=st.integers(1, 30),
)
def test_blocks_are_consecutive_days_of_the_pool(
    seed: int, pool: int, horizon: int, block: int
) -> None:
    begins = draw_blocks(np.random.default_rng(seed), horizon, 5, block)
    days = drawn_days(begins, pool, horizon, block)
    assert days.shape == (horizon, 5)
    assert ((days >= 0) & (days < pool)).all()
    inside = np.arange(1, horizon) % block != 0
    assert ((days[1:] - days[:-1]) % pool == 1 % pool)[inside].all()


@given(seed=st.integers(0, 2**32), short=st.integers(1, 50), more=st.integers(0, 50))
def test_a_longer_horizon_begins_as_a_shorter_one(seed: int, short: int, more: int) -> None:
    first, second = (
        drawn_days(draw_blocks(np.random.default_rng(seed), days, 7, 10), 300, days, 10)
        for days in (short, short + more)
    )
    assert (second[:short] == first).all()


def test_every_day_is_drawn_as_often_as_any_other() -> None:
    days = drawn_days(draw_blocks(np.random.default_rng(1), 100, 2000, 10), 50, 100, 10)
    counts = np.bincount(days.ravel(), minlength=50)
    assert counts.min() > 0.95 * counts.mean()
    assert counts.max() < 1.05 * counts.mean()


def test_what_is_drawn_correlates_as_what_was_seen() -> None:
    move, surprise = correlated()
    shocks = make_shocks(move, surprise, short_days=365)
    days = drawn_days(draw_blocks(np.random.default_rng(2), 100, 500, 10), DAYS, 100, 10)
    for own, seen in ((shocks.move, move), (shocks.surprise, surprise)):
        drawn = np.corrcoef(own[days.ravel()].T)
        assert drawn == pytest.approx(np.corrcoef(seen.T), abs=0.02)


def test_each_coin_has_the_mean_0() -> None:
    move, surprise = correlated()
    shocks = make_shocks(move + 0.3, surprise - 0.2, short_days=365)
    assert shocks.move.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert shocks.surprise.mean(axis=0) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("lacking", "off"), [(300, 0.15), (700, 0.2)])
def test_a_short_past_takes_part_where_it_can(lacking: int, off: float) -> None:
    """More than half of the past, or an eighth: no coin becomes independent, none cuts the others' past.

    A coin that borrows is as close to the others as those are to each other, here 0.8.
    """
    move, surprise = correlated()
    move[:lacking, 2] = surprise[:lacking, 2] = np.nan
    shocks = make_shocks(move, surprise, short_days=365)
    assert shocks.move.shape == (DAYS, 3)
    assert shocks.is_own.sum(axis=0).tolist() == [DAYS, DAYS, DAYS - lacking]
    assert np.isfinite(shocks.move).all()
    found = np.corrcoef(shocks.move[:lacking].T)
    assert found[2, :2] == pytest.approx(CORRELATION[2, :2], abs=off)
    # and it is no copy of what another coin did that day
    for other in (0, 1):
        apart = np.round(shocks.move[:lacking, 2] - shocks.move[:lacking, other], 9)
        assert np.unique(apart, return_counts=True)[1].max() == 1
    # what it does have is left as it was
    kept = shocks.move[lacking:, 2] - move[lacking:, 2]
    assert kept == pytest.approx(kept[0], abs=1e-12)


def test_a_day_that_no_coin_knows_is_left_out() -> None:
    move, surprise = correlated()
    move[10] = np.nan
    surprise[20] = np.nan
    assert len(make_shocks(move, surprise, short_days=365).move) == DAYS - 2


def test_without_days_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing to draw from"):
        make_shocks(np.full((5, 2), np.nan), np.zeros((5, 2)), short_days=365)
