"""The quote volume of any hour that trades can have had is met, to the last unit."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.bars import BarTarget
from exchange.synthesis import HourOrders, feasible, synthesise
from tests.support.bars import check_bar

pytestmark = pytest.mark.unit

OPEN_MS = 1_767_225_600_000
# DOTUSDT, ticks and steps of 0.001; no count is recorded, four trades touch all four prices.
DOT_AUGUST_14 = BarTarget(22_420, 22_570, 22_405, 22_547, 132_440_329, 4, 2_977_696_433_000)
DOT_AUGUST_28 = BarTarget(26_150, 26_240, 26_020, 26_040, 139_646_630, 4, 3_647_644_052_000)


@st.composite
def traded_hours(draw: st.DrawFn) -> BarTarget:
    """The bar of trades that happened: few or many, of single steps or millions, at any prices."""
    low = draw(st.integers(1, 1_000_000))
    prices = st.integers(low, low + draw(st.sampled_from([1, 2, 6, 60, 900, 100_000])))
    steps = st.integers(1, draw(st.sampled_from([1, 3, 1_000, 10**8])))
    trades = draw(st.lists(st.tuples(prices, steps), min_size=1, max_size=12))
    # Trades as a burst has them: one price, one step, many times.
    trades[1:1] = [(draw(prices), 1)] * draw(st.sampled_from([0, 0, 1, 40, 3_000]))
    return bar_of(trades)


def bar_of(trades: list[tuple[int, int]]) -> BarTarget:
    prices = [price for price, _ in trades]
    return BarTarget(
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(steps for _, steps in trades),
        len(trades),
        sum(price * steps for price, steps in trades),
    )


def touching(bar: BarTarget) -> list[int]:
    """The prices of the fewest trades that touch open, high, low and close."""
    ends = [bar.open, bar.close]
    return ends + [bar.high] * (max(ends) < bar.high) + [bar.low] * (min(ends) > bar.low)


def made(target: BarTarget, seed: int = 1) -> HourOrders:
    return synthesise(target, OPEN_MS, np.random.default_rng(seed))


def check(orders: HourOrders, target: BarTarget) -> None:
    """All of the bar but its quote volume, and every fill has a step."""
    check_bar(orders.bar(1), target)
    assert orders.fills.min() >= 1
    assert (orders.quantity >= orders.fills).all()


@pytest.mark.parametrize("target", [DOT_AUGUST_14, DOT_AUGUST_28])
@pytest.mark.parametrize("more_trades", [0, 1, 400])
@pytest.mark.parametrize("seed", range(5))
def test_recorded_hours_of_few_trades_are_met(
    target: BarTarget, more_trades: int, seed: int
) -> None:
    target = replace(target, trades=target.trades + more_trades)

    orders = made(target, seed)

    check(orders, target)
    assert orders.bar(1).quote == target.quote


@given(traded_hours(), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_whatever_was_traded_can_be_made(target: BarTarget, seed: int) -> None:
    orders = made(target, seed)

    check(orders, target)
    assert orders.bar(1).quote == target.quote


@given(traded_hours(), st.integers(-5, 10**9), st.booleans(), st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_with_a_free_trade_the_nearest_possible_is_made(
    hour: BarTarget, beyond: int, is_least: bool, seed: int
) -> None:
    trades = max(hour.trades, hour.needed + 1)
    hour = feasible(replace(hour, trades=trades))
    # Open and close, the high and the low that they do not touch; all other steps at one end.
    fixed = touching(hour)
    others = hour.volume - len(fixed)
    least, largest = (sum(fixed) + others * end for end in (hour.low, hour.high))
    target = replace(hour, quote=least - beyond if is_least else largest + beyond)

    orders = made(target, seed)

    check(orders, target)
    assert orders.bar(1).quote == min(max(target.quote or 0, least), largest)


@pytest.mark.parametrize(
    ("open_", "close"), [(10, 10), (10, 22), (22, 10), (14, 18), (16, 16), (22, 22), (13, 17)]
)
@pytest.mark.parametrize("spare", [0, 1, 5, 40])
def test_without_a_free_trade_all_sums_that_exist_are_met(
    open_: int, close: int, spare: int
) -> None:
    bare = BarTarget(open_, 22, 10, close, 1, 1)
    bare = replace(bare, trades=bare.needed, volume=bare.needed + spare)
    moved = min(spare, 8)  # steps that do not lie at one end
    possible = {
        sum(touching(bare)) + sum(extra) + end * (spare - moved)
        for extra in itertools.combinations_with_replacement((open_, close, 10, 22), moved)
        for end in (10, 22)
    }

    for quote in sorted(possible):
        orders = made(replace(bare, quote=quote))

        check(orders, bare)
        assert orders.bar(1).quote == quote


def test_without_a_free_trade_a_sum_that_does_not_exist_becomes_the_nearest_multiple() -> None:
    # All gaps are multiples of 10 ticks.
    target = BarTarget(1_030, 1_060, 1_000, 1_040, 10_000, 4, 10_300_000 + 27)

    orders = made(target)

    check(orders, target)
    assert orders.bar(1).quote == 10_300_000 + 30
    assert made(replace(target, quote=10_300_000 + 22)).bar(1).quote == 10_300_000 + 20


def test_a_flat_hour_has_its_only_quote_volume() -> None:
    assert made(BarTarget(10, 10, 10, 10, 50, 5, 499)).bar(1).quote == 500


@pytest.mark.parametrize("target", [DOT_AUGUST_14, DOT_AUGUST_28])
def test_same_seed_same_trades(target: BarTarget) -> None:
    first, second = made(target, seed=3), made(target, seed=3)
    other = made(target, seed=4)

    assert first.quantity.tolist() == second.quantity.tolist()
    assert first.price.tolist() == second.price.tolist()
    assert first.quantity.tolist() != other.quantity.tolist()
