"""Indicators against figures made by hand or by another way."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.names import HOUR_MS
from streamlit_app import indicators

pytestmark = pytest.mark.unit

# Steps that doubles hold exactly: else 2000 less a price may be that of its neighbour.
PRICES = st.lists(
    st.integers(1024, 1_024_000).map(lambda steps: steps / 1024), min_size=30, max_size=60
)


def series(*values: float) -> pd.Series:  # type: ignore[type-arg]
    return pd.Series(values, dtype=float)


def test_sma_is_the_plain_mean_of_its_window() -> None:
    assert list(indicators.sma(series(1, 2, 3, 5), 3))[2:] == pytest.approx([2, 10 / 3])


def test_ema_begins_with_the_mean_and_weighs_two_over_period_plus_one() -> None:
    found = list(indicators.ema(series(1, 2, 3, 5), 3))
    assert math.isnan(found[1])
    assert found[2:] == pytest.approx([2.0, 0.5 * 5 + 0.5 * 2])


def test_bollinger_bands_lie_two_population_deviations_off() -> None:
    low, high = indicators.bollinger(series(1, 2, 3), 3)
    spread = math.sqrt(2 / 3)
    assert (low[2], high[2]) == pytest.approx((2 - 2 * spread, 2 + 2 * spread))


def test_rsi_of_wilders_own_kind() -> None:
    closes = [100.0, *(100 + (2 if n % 3 else -1) * n for n in range(1, 30))]
    changes = np.diff(closes)
    up = [max(0.0, change) for change in changes]
    down = [max(0.0, -change) for change in changes]
    mean_up, mean_down = sum(up[:14]) / 14, sum(down[:14]) / 14
    expected = [100 * mean_up / (mean_up + mean_down)]
    for gain, loss in zip(up[14:], down[14:], strict=True):
        mean_up, mean_down = (13 * mean_up + gain) / 14, (13 * mean_down + loss) / 14
        expected.append(100 * mean_up / (mean_up + mean_down))
    found = indicators.rsi(pd.Series(closes))
    assert found[:14].isna().all()
    assert list(found[14:]) == pytest.approx(expected)


def test_rsi_of_a_flat_market_is_in_the_middle() -> None:
    assert indicators.rsi(pd.Series([5.0] * 20)).iloc[-1] == 50


@settings(deadline=None)
@given(PRICES)
def test_rsi_stays_between_0_and_100_and_mirrors(prices: list[float]) -> None:
    found = indicators.rsi(pd.Series(prices))
    mirrored = indicators.rsi(pd.Series([2000 - price for price in prices]))
    assert found.dropna().between(0, 100).all()
    assert list((found + mirrored).dropna()) == pytest.approx([100] * found.notna().sum())


@settings(deadline=None)
@given(PRICES, st.integers(2, 10))
def test_an_average_of_a_constant_is_that_constant(prices: list[float], period: int) -> None:
    flat = pd.Series([prices[0]] * 30)
    for found in (indicators.sma(flat, period), indicators.ema(flat, period)):
        assert found.isna().sum() == period - 1
        assert list(found.dropna()) == pytest.approx([prices[0]] * (31 - period))


def test_no_window_reaches_across_a_hole() -> None:
    closes = series(1, 2, 3, math.nan, 4, 5, 6)
    for found in (indicators.sma(closes, 3), indicators.ema(closes, 3)):
        assert list(found.notna()) == [False, False, True, False, False, False, True]
    assert indicators.ema(closes, 3)[6] == 5, "begun anew"
    assert indicators.ema(series(math.nan, math.nan), 2).isna().all()


def test_vwap_begins_with_its_session_and_stops_at_a_hole() -> None:
    volume = series(1, 3, math.nan, 2, 0)
    quote = series(10, 60, math.nan, 40, 0)
    found = indicators.vwap(volume, quote, series(0, 0, 0, 1, 2))
    assert list(found[:2]) == pytest.approx([10, 70 / 4])
    assert math.isnan(found[2])
    assert found[3] == 20
    assert math.isnan(found[4]), "nothing traded yet"


@pytest.mark.parametrize(
    ("bar_hours", "step_hours", "bars"), [(1, 1, 24), (4, 4, 42), (24, 24, 28), (168, 168, 53)]
)
def test_a_session_is_a_day_a_week_a_month_or_a_year(
    bar_hours: int, step_hours: int, bars: int
) -> None:
    monday = pd.Timestamp("2021-02-01", tz="UTC").timestamp() * 1000  # a month of 28 days
    if bar_hours == 168:
        monday = pd.Timestamp("2024-01-01", tz="UTC").timestamp() * 1000
    times = pd.Series([monday + n * step_hours * HOUR_MS for n in range(bars + 1)])
    found = indicators.session(times, bar_hours)
    assert found.iloc[:bars].nunique() == 1
    assert found.iloc[bars] != found.iloc[0]


def test_warm_up_is_the_longest_that_is_needed() -> None:
    assert indicators.Chosen().warm_up == 0
    assert indicators.Chosen(("SMA", "EMA"), 20).warm_up == 100
    assert indicators.Chosen(("RSI", "SMA"), 20).warm_up == 70
