"""Guard and calibration hour by hour: as over a whole range, and made again bit by bit."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.names import HOUR_MS
from model import guard
from model.calibration import CoinState, Learned, Published, Steps, learn, publish, replay
from model.conformal import MIN_SCORES, calibrate_coins, initial_state
from model.forecasters.forecaster import LEVELS
from model.guard import MIN_HOURS, WINDOW_MS, guard_coins

pytestmark = pytest.mark.unit

START = 490_000 * HOUR_MS
HOURS = MIN_HOURS + 150
GUARDED_HOURS = WINDOW_MS // HOUR_MS


def series(seed: int, harm: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return quantiles of z, sigma and z; `harm` makes the median point away from what comes."""
    rng = np.random.default_rng(seed)
    z = rng.standard_t(4, HOURS)
    median = rng.normal(size=HOURS) * 0.1 - harm * np.sign(z)
    offsets = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])
    quantiles = median[:, None] + offsets * rng.uniform(0.7, 1.3, HOURS)[:, None]
    return quantiles, rng.uniform(0.003, 0.01, HOURS), z


def walk(
    state: CoinState,
    quantiles: np.ndarray,
    sigma: np.ndarray,
    z: np.ndarray,
    steps: Steps,
    start: int = START,
) -> tuple[list[Published], list[Learned], CoinState]:
    """Publish and learn hour by hour, as live."""
    published, learned = [], []
    for hour in range(len(z)):
        at = start + hour * HOUR_MS
        published.append(publish(state, quantiles[hour].tolist(), at, steps))
        outcome = Learned(
            at,
            tuple(quantiles[hour].tolist()),
            published[-1].is_guarded,
            float(sigma[hour]),
            float(z[hour]),
        )
        state = learn(state, outcome)
        learned.append(replace(outcome, alphas_after=state.conformal.alphas))
    return published, learned, state


@pytest.mark.parametrize("harm", [-0.3, 0.3])
def test_hour_by_hour_equals_the_evaluation_over_the_whole_range(harm: float) -> None:
    quantiles, sigma, z = series(1, harm)
    times = START + HOUR_MS * np.arange(HOURS, dtype=np.int64)
    names = ["BTCUSDT"] * HOURS
    guarded, flags, _ = guard_coins(names, times, quantiles, sigma, z)
    expected, _ = calibrate_coins(names, guarded, z, LEVELS)
    assert flags.any() == (harm > 0)

    published, _, _ = walk(CoinState.initial(LEVELS), quantiles, sigma, z, Steps())

    assert [one.is_guarded for one in published] == flags.tolist()
    assert np.array_equal([one.z for one in published], expected)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.integers(1, HOURS - 1))
def test_made_again_from_what_was_recorded_bit_by_bit(seed: int, stop: int) -> None:
    quantiles, sigma, z = series(seed, harm=0.2)
    begin = walk(
        CoinState.initial(LEVELS), *(part[:stop] for part in (quantiles, sigma, z)), Steps()
    )[2]
    seed_state = CoinState.from_dict(json.loads(json.dumps(begin.to_dict())))
    assert seed_state == begin
    rest = (quantiles[stop:], sigma[stop:], z[stop:])
    _, learned, after = walk(begin, *rest, Steps())
    assert replay(seed_state, learned) == after


def test_the_seed_fades_once_the_windows_are_full() -> None:
    """Two windows of outcomes are all that a state knows: what it began with is gone."""
    quantiles, sigma, z = (
        np.concatenate([one, other]) for one, other in zip(series(2), series(3), strict=True)
    )
    begin = CoinState(guard.State(), initial_state(LEVELS, window=720))
    _, learned, after = walk(begin, quantiles, sigma, z, Steps())
    assert len(learned) > GUARDED_HOURS > 720
    before = START - HOURS * HOUR_MS
    other = walk(begin, *series(9), Steps(), before)[2]
    again = replay(other, learned[-GUARDED_HOURS:])
    assert again.conformal == after.conformal
    assert again.guard == after.guard


def test_a_doubted_outcome_teaches_nothing() -> None:
    state = walk(CoinState.initial(LEVELS), *series(4), Steps())[2]
    nothing = Learned(START + HOURS * HOUR_MS, (-1.5, -0.5, 0.0, 0.5, 1.5), False, 0.01, math.nan)
    assert learn(state, nothing) == state


def test_steps_are_left_out_where_they_are_not_wanted() -> None:
    quantiles, sigma, z = series(5, harm=0.3)
    state = walk(CoinState.initial(LEVELS), quantiles, sigma, z, Steps())[2]
    row, at = [-1.5, -0.5, 0.2, 0.5, 1.5], START + HOURS * HOUR_MS
    assert len(state.conformal.scores[0]) > MIN_SCORES
    assert publish(state, row, at, Steps()).is_guarded
    plain = publish(state, row, at, Steps(is_guarded=False, is_calibrated=False))
    assert plain.z == tuple(row)
    assert not plain.is_guarded
    assert publish(state, row, at, Steps(is_calibrated=False)).z == (-1.7, -0.7, 0.0, 0.3, 1.3)
