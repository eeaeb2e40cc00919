from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import conformal
from model.conformal import State, adjust, calibrate, calibrate_coins, initial_state, learn_all
from model.forecasters.forecaster import LEVELS
from model.metrics import coverage

pytestmark = pytest.mark.unit

Floats = npt.NDArray[np.float64]
NORMAL = np.array([-1.645, -0.674, 0.0, 0.674, 1.645])


def hours(seed: int, count: int) -> tuple[Floats, Floats]:
    """Rows that move with a median, and outcomes with tails that the quantiles do not know."""
    rng = np.random.default_rng(seed)
    quantiles = NORMAL + 0.1 * rng.normal(size=(count, 1))
    return quantiles, rng.standard_t(2.5, size=count)


def shares_inside(quantiles: Floats, z: Floats) -> tuple[float, float]:
    return (
        coverage(z, quantiles[:, 0], quantiles[:, 4]),
        coverage(z, quantiles[:, 1], quantiles[:, 3]),
    )


def heavy_tails(rng: np.random.Generator, count: int) -> Floats:
    return rng.standard_t(2.5, size=count)


def too_wide_then_too_narrow(rng: np.random.Generator, count: int) -> Floats:
    return rng.normal(size=count) * np.where(np.arange(count) < count // 2, 0.4, 2.5)


def growing_without_end(rng: np.random.Generator, count: int) -> Floats:
    return rng.normal(size=count) * np.linspace(0.5, 4.0, count)


def off_centre_in_waves(rng: np.random.Generator, count: int) -> Floats:
    return rng.normal(size=count) + 1.5 * np.sin(np.arange(count) / 500.0)


@pytest.mark.parametrize(
    "world", [heavy_tails, too_wide_then_too_narrow, growing_without_end, off_centre_in_waves]
)
@pytest.mark.parametrize("seed", range(3))
def test_coverage_is_nominal_whatever_the_data(world: object, seed: int) -> None:
    assert callable(world)
    z = world(np.random.default_rng(seed), 12_000)
    raw = np.tile(NORMAL, (len(z), 1))
    published, _ = calibrate(raw, z, initial_state(LEVELS))
    wide, narrow = shares_inside(published, z)
    assert wide == pytest.approx(0.9, abs=0.015)
    assert narrow == pytest.approx(0.5, abs=0.015)
    off = np.abs(np.array(shares_inside(raw, z)) - [0.9, 0.5]).max()
    assert off > 0.03  # else these worlds would ask nothing


def test_the_adapted_level_makes_good_what_the_window_cannot() -> None:
    """Volatility that grows for ever outruns any window: only α brings the coverage back."""
    z = growing_without_end(np.random.default_rng(5), 3_000) ** 3
    raw = np.tile(NORMAL, (len(z), 1))
    fixed, _ = calibrate(raw, z, initial_state(LEVELS, gamma=0.0, window=720))
    adaptive, _ = calibrate(raw, z, initial_state(LEVELS, gamma=0.005, window=720))
    assert shares_inside(fixed, z)[0] < shares_inside(adaptive, z)[0] - 0.005
    assert shares_inside(adaptive, z)[0] == pytest.approx(0.9, abs=0.015)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 400),
    scale=st.sampled_from([0.0, 1e-3, 1.0, 50.0]),
)
@settings(max_examples=30, deadline=None)
def test_quantiles_never_cross_and_the_median_never_moves(
    seed: int, count: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    raw = np.sort(scale * rng.normal(size=(count, 5)), axis=1)
    z = np.where(rng.random(count) < 0.05, np.nan, rng.standard_t(2, size=count))
    published, _ = calibrate(raw, z, initial_state(LEVELS, window=150))
    assert published.shape == raw.shape
    assert (np.diff(published, axis=1) > 0).all()
    np.testing.assert_array_equal(published[:, 2], raw[:, 2])


def test_a_replay_from_a_stored_state_gives_the_same_bits() -> None:
    raw, z = hours(1, 1_500)
    whole, last = calibrate(raw, z, initial_state(LEVELS))
    for cut in (0, 60, 1_000):
        _, state = calibrate(raw[:cut], z[:cut], initial_state(LEVELS))
        stored = State.from_dict(json.loads(json.dumps(state.to_dict())))
        assert stored == state
        rest, end = calibrate(raw[cut:], z[cut:], stored)
        np.testing.assert_array_equal(rest, whole[cut:])
        assert end == last


def test_hour_by_hour_and_a_whole_range_give_the_same_bits() -> None:
    raw, z = hours(2, 300)
    z[::17] = np.nan
    whole, last = calibrate(raw, z, initial_state(LEVELS, window=120))
    state = initial_state(LEVELS, window=120)
    for row, outcome, published in zip(raw, z, whole, strict=True):
        assert adjust(state, row) == tuple(published)
        state = learn_all(state, [(row, outcome, ())])
    assert state == last


def test_the_future_changes_nothing_before_it() -> None:
    raw, z = hours(3, 1_000)
    other_raw, other = raw.copy(), z.copy()
    other[600:] = 40.0
    other_raw[601:] *= 3.0
    before, _ = calibrate(raw, z, initial_state(LEVELS))
    after, _ = calibrate(other_raw, other, initial_state(LEVELS))
    np.testing.assert_array_equal(before[:601], after[:601])  # issued before outcome 600 was known
    assert (before[602:] != after[602:]).any(axis=1).all()


def test_a_row_without_outcome_teaches_nothing() -> None:
    raw, z = hours(4, 200)
    _, state = calibrate(raw, z, initial_state(LEVELS))
    assert learn_all(state, [(raw[0], float("nan"), ())]) == state


def test_few_outcomes_leave_rows_and_level_alone() -> None:
    raw, z = hours(5, conformal.MIN_SCORES + 50)
    published, state = calibrate(raw[:100], z[:100], initial_state(LEVELS))
    np.testing.assert_array_equal(published, raw[:100])
    assert state.alphas == state.targets == (0.1, 0.5)
    published, _ = calibrate(raw[100:], z[100:], state)
    assert (published[0] != raw[100])[[0, 1, 3, 4]].all()


def test_the_window_forgets() -> None:
    raw, z = hours(6, 900)
    _, state = calibrate(raw, z, initial_state(LEVELS, window=200))
    scores = np.maximum(raw[:, 0] - z, z - raw[:, 4])
    np.testing.assert_array_equal(state.scores[0], scores[-200:])


def test_each_coin_has_its_own_state() -> None:
    raw, z = hours(7, 600)
    symbols = ["A", "B"] * 300
    z[1::2] *= 5.0
    both, states = calibrate_coins(symbols, raw, z, LEVELS)
    for coin, symbol in enumerate("AB"):
        alone, state = calibrate(raw[coin::2], z[coin::2], initial_state(LEVELS))
        np.testing.assert_array_equal(both[coin::2], alone)
        assert states[symbol] == state
    first, halfway = calibrate_coins(symbols[:400], raw[:400], z[:400], LEVELS)
    second, _ = calibrate_coins(symbols[400:], raw[400:], z[400:], LEVELS, halfway)
    np.testing.assert_array_equal(np.concatenate([first, second]), both)


def test_levels_must_be_symmetric_and_the_window_must_fill() -> None:
    with pytest.raises(ValueError, match="not symmetric"):
        initial_state((0.05, 0.5, 0.9))
    with pytest.raises(ValueError, match="never holds"):
        initial_state(LEVELS, window=50)
    with pytest.raises(ValueError, match="state of 2 pairs"):
        State.from_dict({**initial_state(LEVELS).to_dict(), "alphas": [0.1]})
