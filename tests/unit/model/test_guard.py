from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from conf.names import HOUR_MS
from model import guard
from model.guard import State, guard_coins, is_guarded, learn_all, relative_errors

pytestmark = pytest.mark.unit

Floats = npt.NDArray[np.float64]
START_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS
WINDOW = guard.WINDOW_MS // HOUR_MS


def known(model_error: float, naive_error: float, count: int) -> State:
    hours = range(count)
    return learn_all(State(), [(START_MS + h * HOUR_MS, model_error, naive_error) for h in hours])


def coin_hours(seed: int, count: int) -> tuple[npt.NDArray[np.int64], Floats, Floats, Floats]:
    """A model that is right, then wrong for 1,400 h, then right: times, quantiles, sigma, z."""
    rng = np.random.default_rng(seed)
    signal = 0.3 * rng.normal(size=count)
    hour = np.arange(count)
    median = np.where((hour >= 1_000) & (hour < 2_400), -signal, signal)
    quantiles = median[:, None] + np.array([-1.6, -0.7, 0.0, 0.7, 1.6])
    times = START_MS + hour.astype(np.int64) * HOUR_MS
    return times, quantiles, np.full(count, 0.006), signal + 0.3 * rng.normal(size=count)


def test_above_the_limit_is_guarded_and_at_it_is_not() -> None:
    now = START_MS + 700 * HOUR_MS
    assert is_guarded(known(1.0031, 1.0, 700), now)
    assert not is_guarded(known(1.003, 1.0, 700), now)
    assert not is_guarded(known(0.9, 1.0, 700), now)


def test_a_few_weeks_do_not_judge() -> None:
    assert not is_guarded(known(2.0, 1.0, guard.MIN_HOURS - 1), START_MS + 700 * HOUR_MS)
    assert is_guarded(known(2.0, 1.0, guard.MIN_HOURS), START_MS + 700 * HOUR_MS)


def test_what_is_older_than_56_days_is_forgotten() -> None:
    state = known(2.0, 1.0, 700)
    assert is_guarded(state, START_MS + (WINDOW + 700 - guard.MIN_HOURS - 1) * HOUR_MS)
    assert not is_guarded(state, START_MS + (WINDOW + 700 - guard.MIN_HOURS) * HOUR_MS)
    later = learn_all(state, [(START_MS + (WINDOW + 699) * HOUR_MS, 1.0, 1.0)])
    assert len(later.outcomes) == 1


def test_an_unknown_outcome_teaches_nothing() -> None:
    state = known(1.0, 1.0, 3)
    assert learn_all(state, [(START_MS + 9 * HOUR_MS, float("nan"), 1.0)]) == state


def test_a_coin_falls_back_to_the_last_close_until_it_recovers() -> None:
    times, quantiles, sigma, z = coin_hours(0, 5_000)
    out, guarded, _ = guard_coins(["A"] * 5_000, times, quantiles, sigma, z)
    assert not guarded[:1_000].any()
    assert guarded[1_900:2_400].all()
    assert not guarded[-600:].any()
    assert (out[guarded, 2] == 0.0).all()
    np.testing.assert_allclose(np.diff(out), np.diff(quantiles))  # bands keep their widths
    np.testing.assert_array_equal(out[~guarded], quantiles[~guarded])


def test_an_outcome_counts_from_the_next_hour_on() -> None:
    times, quantiles, sigma, z = coin_hours(1, 800)
    quantiles[:, :] = [-1.6, -0.7, 0.0, 0.7, 1.6]
    assert not guard_coins(["A"] * 800, times, quantiles, sigma, z)[1].any()
    quantiles[750] += 20.0
    guarded = guard_coins(["A"] * 800, times, quantiles, sigma, z)[1]
    np.testing.assert_array_equal(guarded, np.arange(800) > 750)


def test_hour_by_hour_through_json_is_the_whole_range() -> None:
    times, quantiles, sigma, z = coin_hours(2, 1_800)
    z[::50] = np.nan
    _, whole, last = guard_coins(["A"] * 1_800, times, quantiles, sigma, z)
    assert whole.any()
    model, naive = relative_errors(quantiles, sigma, z)
    _, _, halfway = guard_coins(
        ["A"] * 1_300, times[:1_300], quantiles[:1_300], sigma[:1_300], z[:1_300]
    )
    state = halfway["A"]
    for hour in range(1_300, 1_800):
        state = State.from_dict(json.loads(json.dumps(state.to_dict())))
        assert is_guarded(state, int(times[hour])) == whole[hour]
        state = learn_all(state, [(int(times[hour]), model[hour], naive[hour])])
    assert state == last["A"]


def test_one_bad_coin_does_not_stop_the_others() -> None:
    times, quantiles, sigma, z = coin_hours(3, 1_800)
    symbols = ["A", "B"] * 1_800
    both = np.repeat(quantiles, 2, axis=0)
    both[1::2] = 0.5 * z[:, None] + np.array([-1.6, -0.7, 0.0, 0.7, 1.6])
    _, guarded, _ = guard_coins(
        symbols, np.repeat(times, 2), both, np.repeat(sigma, 2), np.repeat(z, 2)
    )
    _, alone, _ = guard_coins(["A"] * 1_800, times, quantiles, sigma, z)
    np.testing.assert_array_equal(guarded[::2], alone)
    assert not guarded[1::2].any()


def test_errors_are_in_price_as_a_share_of_the_last_close() -> None:
    model, naive = relative_errors(np.array([[-1.0, 0.5, 2.0]]), np.array([0.02]), np.array([1.0]))
    last, actual, forecast = 100.0, 100.0 * np.exp(0.02), 100.0 * np.exp(0.01)
    assert model[0] * last == pytest.approx(actual - forecast)
    assert naive[0] * last == pytest.approx(actual - last)
