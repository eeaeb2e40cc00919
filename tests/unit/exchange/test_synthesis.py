"""Trades add up to any bar, exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.names import HOUR_MS
from exchange.bars import BarTarget
from exchange.synthesis import feasible, order_count, split, synthesise
from tests.support.bars import check_bar

pytestmark = pytest.mark.unit

OPEN_MS = 1_767_225_600_000


@st.composite
def bar_targets(draw: st.DrawFn) -> BarTarget:
    """Any hour: flat or wild, one trade or thousands, a volume of few steps or of billions."""
    low = draw(st.integers(1, 10_000_000))
    high = low + draw(st.one_of(st.integers(0, 3), st.integers(0, low)))
    open_, close = draw(st.integers(low, high)), draw(st.integers(low, high))
    trades = draw(st.one_of(st.integers(1, 6), st.integers(1, 6_000)))
    volume = draw(st.one_of(st.integers(1, 50), st.integers(1, 10**10)))
    return feasible(BarTarget(open_, high, low, close, volume, trades))


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(bar_targets(), st.integers(0, 2**32))
@settings(max_examples=120, deadline=None)
def test_orders_add_up_to_the_bar(target: BarTarget, seed: int) -> None:
    orders = synthesise(target, OPEN_MS, rng(seed))

    bar = orders.bar(first_id=7)

    check_bar(bar, target)
    assert bar.quote == sum(
        p * q for p, q in zip(orders.price.tolist(), orders.quantity.tolist(), strict=True)
    )
    assert (bar.first_id, bar.last_id) == (7, 6 + target.trades)
    assert 0 <= bar.buy_volume <= bar.volume
    assert len(orders.price) == order_count(target.trades, target.needed)


@given(bar_targets(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_orders_lie_in_their_hour_in_order_of_time(target: BarTarget, seed: int) -> None:
    orders = synthesise(target, OPEN_MS, rng(seed))

    assert orders.time_ms.min() >= OPEN_MS
    assert orders.time_ms.max() < OPEN_MS + HOUR_MS
    assert (np.diff(orders.time_ms) >= 0).all()
    for column in (orders.price, orders.quantity, orders.fills, orders.time_ms):
        assert column.dtype == np.int64


@given(bar_targets(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_fills_add_up_to_their_orders(target: BarTarget, seed: int) -> None:
    orders = synthesise(target, OPEN_MS, rng(seed))

    owner, quantity = split(orders, rng(seed + 1))

    assert len(quantity) == target.trades
    assert quantity.min() >= 1
    sums = [0] * len(orders.fills)
    for index, amount in zip(owner.tolist(), quantity.tolist(), strict=True):
        sums[index] += amount
    assert sums == orders.quantity.tolist()


@given(bar_targets(), st.floats(0.05, 0.95), st.integers(0, 10**6), st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_quote_volume_is_met_to_the_last_unit_where_it_can_be(
    target: BarTarget, level: float, odd: int, seed: int
) -> None:
    # Room: orders beyond those that touch open, high, low and close, and steps to move between
    # them. Any whole number near a mean price inside the range is then possible.
    trades = target.trades + 16
    volume = target.volume + 1_000 * trades
    spread = target.high - target.low
    quote = int((target.low + level * spread) * volume) + (odd % spread if spread else 0)
    target = replace(target, trades=trades, volume=volume, quote=quote)

    bar = synthesise(target, OPEN_MS, rng(seed)).bar(1)

    check_bar(bar, target)
    assert bar.quote == (quote if spread else target.low * volume)


@pytest.mark.parametrize("trades", [5, 500, 3_000, 68_135])
def test_quote_volume_of_recorded_hours_is_met(trades: int) -> None:
    target = BarTarget(
        9_348_883, 9_375_600, 9_337_538, 9_357_600, 336_579_950, trades, 3_149_190_175_566_090
    )

    for seed in range(5):
        bar = synthesise(target, OPEN_MS, rng(seed)).bar(1)

        assert (bar.quote, bar.volume, bar.trades) == (target.quote, target.volume, trades)


@pytest.mark.parametrize(
    ("target", "trades", "volume"),
    [
        (BarTarget(10, 12, 8, 10, 1, 1), 4, 4),  # four prices need four trades of a step each
        (BarTarget(10, 10, 10, 10, 5, 9), 5, 5),  # no more trades than steps
        (BarTarget(10, 12, 10, 12, 100, 1), 2, 100),
    ],
)
def test_impossible_targets_become_the_nearest_possible(
    target: BarTarget, trades: int, volume: int
) -> None:
    exact = feasible(target)

    assert (exact.trades, exact.volume) == (trades, volume)


def test_same_seed_same_orders() -> None:
    target = BarTarget(1000, 1100, 900, 1050, 10**6, 500)

    first, second = (synthesise(target, OPEN_MS, rng(3)) for _ in range(2))
    other = synthesise(target, OPEN_MS, rng(4))

    assert first.price.tolist() == second.price.tolist()
    assert first.quantity.tolist() == second.quantity.tolist()
    assert first.price.tolist() != other.price.tolist()


def test_takers_that_lift_the_price_are_buyers() -> None:
    orders = synthesise(BarTarget(1000, 1100, 900, 1050, 10**6, 500), OPEN_MS, rng(3))

    change = np.diff(orders.price)

    assert not orders.buyer_is_maker[1:][change > 0].any()
    assert orders.buyer_is_maker[1:][change < 0].all()
