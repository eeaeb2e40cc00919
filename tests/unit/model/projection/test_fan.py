"""The fan: no drift, no future, the same for the same seed, in proportion to the price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.projection.days import Days, make_days
from model.projection.fan import (
    PEGGED,
    SHORT,
    SIMULATED,
    Fan,
    Projector,
    mirrored_quantiles,
)
from model.projection.settings import LEVELS, ProjectionSettings
from tests.support.projection_world import STABLE, YOUNG, panel, world

pytestmark = pytest.mark.unit

SETTINGS = ProjectionSettings(horizon_days=40, paths=400, pool_days=400)
SYMBOLS = ("AAAUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT", "USDCUSDT")


@pytest.fixture(scope="module")
def days() -> Days:
    return world()


def fan_of(days: Days, origin: int | None = None, seed: int = 7, **changes: object) -> Fan:
    settings_ = replace(SETTINGS, **changes)
    return Projector(days, settings_).fan(days.next_origin if origin is None else origin, seed)


def test_each_coin_has_a_fan_and_says_how_it_was_made(days: Days) -> None:
    fan = fan_of(days)
    assert fan.symbols == SYMBOLS
    assert fan.methods == (SIMULATED, SIMULATED, SIMULATED, SHORT, PEGGED)
    assert fan.quantiles.shape == (5, 40, len(LEVELS))
    assert fan.samples.shape == (5, 40, SETTINGS.sample_paths)
    assert np.isfinite(fan.quantiles).all()
    assert fan.last_close.tolist() == days.close[-1].tolist()


def test_quantiles_rise_and_the_fan_opens(days: Days) -> None:
    quantiles = fan_of(days).quantiles
    assert (np.diff(quantiles, axis=2) >= 0).all()
    width = np.log(quantiles[:4, :, -1] / quantiles[:4, :, 0])
    assert (width[:, 6] > 2 * width[:, 0]).all()
    assert (width[:, 39] > 1.5 * width[:, 6]).all()


def test_the_log_price_has_no_drift(days: Days) -> None:
    """Half is as likely as twice; the median is the last close, and the mean of the price lies above."""
    fan = fan_of(days)
    last, volatile = fan.last_close[:4, None], fan.quantiles[:4]
    assert (volatile[..., 2] == last).all()
    assert volatile[..., 0] * volatile[..., 4] == pytest.approx(last**2 * np.ones((4, 40)))
    assert volatile[..., 1] * volatile[..., 3] == pytest.approx(last**2 * np.ones((4, 40)))


@given(st.integers(1, 200), st.integers(0, 2**32))
def test_mirrored_quantiles_are_those_of_the_paths_and_their_images(paths: int, seed: int) -> None:
    log_prices = np.random.default_rng(seed).standard_t(3, (2, 3, paths))
    both = np.concatenate([log_prices, -log_prices], axis=-1)
    found = mirrored_quantiles(log_prices)
    assert (np.diff(found, axis=-1) >= 0).all()
    assert (found == -found[..., ::-1]).all()
    # a sample quantile is only told to the gap between two paths
    for column, level in enumerate(LEVELS):
        below = (both < found[..., column, None] - 1e-12).mean(axis=-1)
        upto = (both <= found[..., column, None] + 1e-12).mean(axis=-1)
        assert (below <= level + 1 / paths).all()
        assert (upto >= level - 1 / paths).all()


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-4, 1e4))
def test_a_price_in_other_units_has_the_fan_in_those_units(days: Days, factor: float) -> None:
    column = 2
    close = days.close.copy()
    close[:, column] *= factor
    own, other = fan_of(days), fan_of(replace(days, close=close))
    assert other.quantiles[column] == pytest.approx(own.quantiles[column] * factor, rel=1e-9)
    assert np.delete(other.quantiles, column, 0) == pytest.approx(
        np.delete(own.quantiles, column, 0), rel=1e-9
    )


def test_other_units_from_the_hours_on() -> None:
    """The same for hourly closes: nothing on the way from them knows a unit."""
    hours = panel(days=200)
    own = make_days(hours, SYMBOLS)
    is_eth = hours["symbol"] == "ETHUSDT"
    hours.loc[is_eth, "close"] *= 1024
    other = make_days(hours, SYMBOLS)
    scale = np.array([1, 1, 1024, 1, 1])[:, None, None]
    assert fan_of(other).quantiles == pytest.approx(fan_of(own).quantiles * scale, rel=1e-9)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(days: Days) -> None:
    one, again, other = fan_of(days), fan_of(days), fan_of(days, seed=8)
    assert one.quantiles.tobytes() == again.quantiles.tobytes()
    assert one.samples.tobytes() == again.samples.tobytes()
    assert one.quantiles.tobytes() != other.quantiles.tobytes()


def test_nothing_later_is_used(days: Days) -> None:
    """Planted days after the origin, as wild as can be, change no bit of the fan."""
    origin = days.next_origin - 50
    rng = np.random.default_rng(3)
    planted = {}
    for name in ("close", "move", "log_volatility"):
        values = getattr(days, name).copy()
        values[-50:] = np.exp(rng.normal(0, 1, values[-50:].shape))
        planted[name] = values
    cut = {name: getattr(days, name)[:-50] for name in planted}
    fans = [fan_of(replace(days, **values), origin) for values in ({}, planted, cut)]
    assert len({fan.quantiles.tobytes() for fan in fans}) == 1
    assert len({fan.samples.tobytes() for fan in fans}) == 1
    assert len({fan.methods for fan in fans}) == 1


def test_the_day_before_the_origin_is_used(days: Days) -> None:
    """So that the test above cannot pass by using nothing."""
    wilder = days.log_volatility.copy()
    wilder[-1] += 1
    calm, wild = fan_of(days), fan_of(replace(days, log_volatility=wilder))
    assert (wild.quantiles[:4, 0, -1] > calm.quantiles[:4, 0, -1]).all()


def test_which_others_are_asked_for_changes_nothing(days: Days) -> None:
    projector = Projector(days, SETTINGS)
    every = projector.fan(days.next_origin, 7)
    two = projector.fan(days.next_origin, 7, ["USDCUSDT", "ETHUSDT"])
    assert two.symbols == ("ETHUSDT", "USDCUSDT")
    assert two.quantiles == pytest.approx(every.quantiles[[2, 4]], rel=1e-12)
    only_stable = projector.fan(days.next_origin, 7, [STABLE])
    assert (only_stable.quantiles == every.quantiles[4:]).all()


def test_a_shorter_horizon_is_the_beginning_of_a_longer_one(days: Days) -> None:
    short, long = fan_of(days, horizon_days=13), fan_of(days)
    assert (short.quantiles == long.quantiles[:, :13]).all()


def test_coins_move_together_in_the_paths(days: Days) -> None:
    fan = fan_of(days, sample_paths=400)
    moves = np.diff(np.log(fan.samples[:4]), axis=1).reshape(4, -1)
    found = np.corrcoef(moves)
    assert found[:3, :3] == pytest.approx(np.corrcoef(days.move[1:, :3].T), abs=0.08)
    assert found[3, :3] == pytest.approx(0.64, abs=0.15)  # as the world is made; 60 days show it


def test_a_storm_calms_down(days: Days) -> None:
    """A wild last day widens the first day far more than the last one: volatility goes back."""
    wilder = days.log_volatility.copy()
    wilder[-1] += 1.5
    calm, wild = fan_of(days).quantiles, fan_of(replace(days, log_volatility=wilder)).quantiles
    wider = np.log(wild[1, :, -1] / wild[1, :, 0]) / np.log(calm[1, :, -1] / calm[1, :, 0])
    assert wider[0] > 1.3
    assert wider[39] < 0.5 * (1 + wider[0])


def test_a_short_past_has_about_the_fan_of_a_long_one() -> None:
    """The same coin with 60 and with 500 days: neither refused nor absurdly sure of itself."""
    short, long = fan_of(world(young_days=60)), fan_of(world(young_days=None))
    column = SYMBOLS.index(YOUNG)
    assert (short.methods[column], long.methods[column]) == (SHORT, SIMULATED)
    spread = [
        np.log(fan.quantiles[column, :, -1] / fan.last_close[column]) for fan in (short, long)
    ]
    assert spread[0] == pytest.approx(spread[1], rel=0.25)


def test_too_few_days_or_no_close_is_no_fan() -> None:
    young = world(young_days=29)
    assert YOUNG not in fan_of(young).symbols
    assert YOUNG in fan_of(world(young_days=30)).symbols
    ended = young.close.copy()
    ended[-1, 1] = np.nan
    assert fan_of(replace(young, close=ended)).symbols == ("AAAUSDT", "ETHUSDT", "USDCUSDT")


def test_an_origin_without_days_before_it_is_refused(days: Days) -> None:
    for origin in (days.first + 1, days.next_origin + 1):
        with pytest.raises(ValueError, match="whole days before it are not in the candles"):
            fan_of(days, origin)


def test_stable_coins_alone_are_refused(days: Days) -> None:
    alone = Days(
        (STABLE,), days.first, *(v[:, 4:] for v in (days.close, days.move, days.log_volatility))
    )
    with pytest.raises(ValueError, match="no volatile coin has a day; there are USDCUSDT"):
        Projector(alone, SETTINGS)
