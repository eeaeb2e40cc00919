"""Floats of recorded hours become the decimals that were meant, once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.history.floats import decimal_of

pytestmark = pytest.mark.unit

grids = st.sampled_from([None, *map(Decimal, ("0.01", "0.0001", "1", "0.00001000", "0.05", "10"))])
amounts = st.floats(0, 1e12, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "grid", "meant"),
    [
        (61685.99, "0.01", "61685.99"),
        (0.1 + 0.2, None, "0.3"),
        (46197.990000000005, None, "46197.99"),
        (46197.990000000005, "0.01", "46197.99"),
        (8.12e-06, "0.00000001", "0.00000812"),
        (1246912.67802008, None, "1246912.67802008"),
        (1234567.8000000003, "0.1", "1234567.8"),
        # Today's tick is 0.01; the price of then had more digits, and keeps them.
        (23.4567, "0.01", "23.4567"),
        (0.0, "0.01", "0"),
        (1e15, "0.001", "1000000000000000"),
    ],
)
def test_the_digits_that_were_meant(value: float, grid: str | None, meant: str) -> None:
    assert decimal_of(value, Decimal(grid) if grid else None) == Decimal(meant)


@given(st.integers(0, 10**15), st.integers(0, 8), grids)
def test_what_was_written_with_eight_decimals_comes_back_digit_for_digit(
    units: int, decimals: int, grid: Decimal | None
) -> None:
    written = Decimal(units).scaleb(-decimals)
    assert decimal_of(float(written), None) == written
    on_grid = (written // (grid or 1)) * (grid or 1)
    assert decimal_of(float(on_grid), grid) == on_grid


@given(amounts, amounts, grids)
def test_order_is_kept(one: float, other: float, grid: Decimal | None) -> None:
    low, high = sorted((one, other))
    assert decimal_of(low, grid) <= decimal_of(high, grid)


@given(st.floats(1e5, 1e8), st.integers(1, 40), grids)
def test_order_is_kept_between_neighbours(low: float, ulps: int, grid: Decimal | None) -> None:
    high = low + ulps * 1.5e-9
    assert decimal_of(low, grid) <= decimal_of(high, grid)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        decimal_of(value)
