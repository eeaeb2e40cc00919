"""Indicators of a chart's bars, on floats. Pure.

A bar that is missing leaves blank whatever would need it: no window reaches across a hole, and what
feeds on its own past begins anew behind one. The first values need as many bars as their window is
long, so that callers load some bars before those that they show (`warm_up`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from conf.names import DAY_MS

BOLLINGER_WIDTH = 2.0
"""Standard deviations; Bollinger's own choice."""
RSI_BARS = 14
"""Wilder's own choice."""
MOST_PERIOD = 200
FIRST_MONDAY_MS = 4 * DAY_MS
"""1970-01-05; weeks begin on Monday."""
LONGEST_SESSION = 53
"""Bars: the weeks of a year."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a viewer wants to see; `period` is in bars and that of all but RSI and VWAP."""

    names: tuple[str, ...] = ()
    period: int = 20

    @property
    def warm_up(self) -> int:
        """Return how many bars before the first one shown the values need.

        Wilder's and exponential averages never forget their beginning; after five windows less than
        a hundredth of it is left.
        """
        needed = {
            "SMA": self.period,
            "EMA": 5 * self.period,
            "Bollinger": self.period,
            "RSI": 5 * RSI_BARS,
            "VWAP": LONGEST_SESSION,
        }
        return max((needed.get(name, 0) for name in self.names), default=0)


COLUMNS = {
    "SMA": ("sma",),
    "EMA": ("ema",),
    "Bollinger": ("bollinger_low", "bollinger_high"),
    "VWAP": ("vwap",),
    "RSI": ("rsi",),
}
"""Of a chart's frame, by the indicator's name."""
NAMES = tuple(COLUMNS)


def sma(close: pd.Series[float], period: int) -> pd.Series[float]:
    """Return the mean of the last `period` closes."""
    return close.rolling(period, min_periods=period).mean()


def ema(close: pd.Series[float], period: int) -> pd.Series[float]:
    """Return the exponential mean with weight 2 / (period + 1), begun with the mean of a window."""
    return _by_run(close, lambda run: _smoothed(run, period, 2 / (period + 1)))


def bollinger(
    close: pd.Series[float], period: int, width: float = BOLLINGER_WIDTH
) -> tuple[pd.Series[float], pd.Series[float]]:
    """Return the lower and the upper band: the mean ∓ `width` population standard deviations."""
    window = close.rolling(period, min_periods=period)
    middle, spread = window.mean(), window.std(ddof=0)
    return middle - width * spread, middle + width * spread


def rsi(close: pd.Series[float], period: int = RSI_BARS) -> pd.Series[float]:
    """Return Wilder's relative strength index, 0 … 100; 50 where nothing moved."""

    def of_run(run: pd.Series[float]) -> pd.Series[float]:
        change = run.diff().iloc[1:]
        up = _smoothed(change.clip(lower=0), period, 1 / period)
        down = _smoothed(-change.clip(upper=0), period, 1 / period)
        total = up + down
        strength = (100 * up / total).where(total != 0, 50.0).where(total.notna())
        return strength.reindex(run.index)

    return _by_run(close, of_run)


def vwap(
    volume: pd.Series[float], quote_volume: pd.Series[float], session: pd.Series[float]
) -> pd.Series[float]:
    """Return the price by volume since the session began: Σ quote volume / Σ volume.

    Args:
        volume: of each bar, in base units; NaN for a hole, behind which the session has no value.
        quote_volume: of each bar, in quote units.
        session: number of the session that each bar belongs to.
    """
    traded = volume.groupby(session).cumsum(skipna=False)
    paid = quote_volume.groupby(session).cumsum(skipna=False)
    return (paid / traded).where(traded > 0)


def session(utc_ms: pd.Series[float], bar_hours: int) -> pd.Series[float]:
    """Return the number of the session that each bar belongs to, all by UTC.

    A session is a day for hourly bars, a week from Monday for bars below a day, a month for days and
    a year for longer bars.
    """
    times = pd.to_datetime(utc_ms, unit="ms", utc=True)
    if bar_hours == 1:
        return (utc_ms // DAY_MS).astype(float)
    if bar_hours < 24:
        return ((utc_ms - FIRST_MONDAY_MS) // (7 * DAY_MS)).astype(float)
    if bar_hours == 24:
        return (times.dt.year * 12 + times.dt.month).astype(float)
    return times.dt.year.astype(float)


def _smoothed(values: pd.Series[float], period: int, weight: float) -> pd.Series[float]:
    """Return an exponential mean that begins with the plain mean of the first `period` values."""
    if len(values) < period:
        return pd.Series(float("nan"), index=values.index)
    seeded = values.astype(float).copy()
    seeded.iloc[: period - 1] = float("nan")
    seeded.iloc[period - 1] = values.iloc[:period].mean()
    return seeded.ewm(alpha=weight, adjust=False).mean()


def _by_run(
    values: pd.Series[float], function: Callable[[pd.Series[float]], pd.Series[float]]
) -> pd.Series[float]:
    """Apply a function to each unbroken run of values."""
    known = values.notna()
    if not known.any():
        return pd.Series(float("nan"), index=values.index)
    number = (~known).cumsum()[known]
    parts = [function(run) for _, run in values[known].groupby(number)]
    return pd.concat(parts).reindex(values.index)
