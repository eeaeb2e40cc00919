from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.forecasts.prices import UnusableScoreError, quantile_prices, to_tick

pytestmark = pytest.mark.unit

TICKS = [Decimal(text) for text in ("0.01000000", "0.00010000", "0.00001", "1", "10", "0.5")]


@pytest.mark.parametrize(
    ("price", "tick", "expected"),
    [
        (61685.994, "0.01000000", "61685.99"),
        (61685.995, "0.01000000", "61686.00"),
        (61685.985, "0.01000000", "61685.98"),
        (1.00004, "0.0001", "1.0000"),
        (0.10005, "0.00001", "0.10005"),
        (12.6, "0.5", "12.5"),
        (126.0, "10", "130"),
        (2682.5, "1.00000000", "2682"),
    ],
)
def test_price_goes_to_the_nearest_tick_halves_to_even(price, tick, expected):
    rounded = to_tick(price, Decimal(tick))

    assert rounded == Decimal(expected)
    assert format(rounded, "f") == expected


@given(
    price=st.floats(min_value=1e-6, max_value=1e7, allow_nan=False),
    other=st.floats(min_value=1e-6, max_value=1e7, allow_nan=False),
    tick=st.sampled_from(TICKS),
)
def test_rounding_is_on_the_grid_close_and_monotone(price, other, tick):
    rounded = to_tick(price, tick)

    assert rounded % tick == 0
    assert abs(rounded - Decimal(repr(price))) * 2 <= tick
    assert (to_tick(other, tick) >= rounded) or other < price


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -float("inf"), 0.0, -1.0])
def test_no_positive_finite_number_is_refused(price):
    with pytest.raises(UnusableScoreError, match="no positive finite number"):
        to_tick(price, Decimal("0.01"))


@pytest.mark.parametrize("tick", ["0", "-0.01"])
def test_tick_that_is_not_positive_is_an_error(tick):
    with pytest.raises(ValueError, match="tick size"):
        to_tick(1.0, Decimal(tick))


def test_quantiles_keep_their_order_when_the_tick_is_coarse():
    scores = {0.05: 0.99994, 0.25: 0.99996, 0.5: 1.0, 0.75: 1.00004, 0.95: 1.00016}

    prices = quantile_prices(scores, Decimal("0.0001"))

    assert list(prices) == [Decimal(p) for p in ("0.9999", "1", "1", "1", "1.0002")]
    assert list(prices) == sorted(prices)


def test_crossing_quantiles_are_refused():
    scores = {0.05: 99.0, 0.25: 100.0, 0.5: 99.9, 0.75: 101.0, 0.95: 102.0}

    with pytest.raises(UnusableScoreError, match="cross"):
        quantile_prices(scores, Decimal("0.01"))


def test_missing_quantile_is_refused():
    with pytest.raises(UnusableScoreError, match=r"0\.95"):
        quantile_prices({0.05: 1.0, 0.25: 1.0, 0.5: 1.0, 0.75: 1.0}, Decimal("0.01"))
