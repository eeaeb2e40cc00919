"""A synthetic market: hourly bars that behave like the real ten coins, from a seed. Pure.

What is reproduced (forecasting.md 2.4): heavy-tailed innovations, slowly decaying volatility
clustering, hour-of-day and weekend volatility, correlation with BTC, each coin's mean move, and
the reversal of the sign: after a high 3-hour return the next hour is more often negative, while
its mean stays zero. The reversal can be switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.names import HOUR_MS
from exchange.bars import IntArray
from exchange.listings import Listing

Floats = npt.NDArray[np.float64]

CHUNK_HOURS = 168
_STREAM = 0x6D61726B

# Volatility by hour of day (UTC): least at 04, most at 14, a second peak at 00; mean 1.
_HOUR_OF_DAY = np.array(
    [
        (1.19, 1.04, 0.96, 0.87, 0.78, 0.81, 0.86, 0.93, 0.99, 0.97, 0.95, 0.96),
        (1.03, 1.16, 1.24, 1.20, 1.13, 1.07, 1.02, 0.99, 0.98, 0.99, 0.94, 0.94),
    ]
).ravel()
_HOUR_OF_DAY = _HOUR_OF_DAY / _HOUR_OF_DAY.mean()
_WEEKEND = 0.81
_WEEK_MEAN = (5 + 2 * _WEEKEND) / 7
_FIRST_SATURDAY_DAY = 2  # 1970-01-03

# Log-volatility is a sum of AR(1) parts, so that its memory decays slowly.
_SHARED_HALF_LIVES_H = np.array([3.0, 30.0, 400.0])
_SHARED_STD = np.array([0.38, 0.30, 0.40])
_OWN_HALF_LIVES_H = np.array([8.0, 120.0])
_OWN_STD = np.array([0.18, 0.18])

# Knots: the middle of each decile of the 3-hour return over sqrt(3) EWMA volatilities;
# chances: the measured P(up) in that decile.
_SIGNAL_KNOTS = np.array([-1.56, -0.82, -0.48, -0.26, -0.08, 0.08, 0.26, 0.49, 0.84, 1.57])
_SIGNAL_CHANCES = np.array([0.576, 0.553, 0.535, 0.523, 0.507, 0.492, 0.475, 0.471, 0.461, 0.451])
_EWMA_KEEP = 0.5 ** (1 / 24)
_LARGEST_MOVE = 12.0  # in mean moves; keeps one draw from halving a price
_PULL = 1 / 20_000  # per hour towards the first price, so that years do not lead out of the ticks

_ALT_SHARE = 0.55  # correlation of the alts' own parts with each other
_COPULA_LIFT = 1.05  # unequal volatilities dilute correlation; this makes up for it
_BRIDGE_SPREAD = 1.3  # volatility inside the hour against the mean move

# USDC, in ten-thousandths around 1: a slow mean-reverting level.
_STABLE_KEEP = 0.85
_STABLE_SPREAD = 0.66
_STABLE_LIMIT = 60.0
_STABLE_UNITS = 1e4


@dataclass(frozen=True)
class MarketBars:
    """Bars of consecutive hours, arrays of shape (hours, symbols), in ticks, steps and trades."""

    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    trades: IntArray


@dataclass(frozen=True)
class MarketStart:
    """Where a market begins: prices (quote units) and mean moves (fractions) per symbol."""

    prices: Floats
    mean_moves: Floats

    @classmethod
    def of(cls, listings: Sequence[Listing]) -> MarketStart:
        """Return the listings' own levels."""
        return cls(
            np.array([listing.start_price for listing in listings]),
            np.array([listing.mean_move for listing in listings]),
        )


def _ar_parts(half_lives: Floats, stds: Floats) -> tuple[Floats, Floats]:
    keep = 0.5 ** (1 / half_lives)
    return keep, stds * np.sqrt(1 - keep**2)


def _gaussian_cdf_table() -> tuple[Floats, Floats]:
    from math import erf, sqrt

    grid = np.linspace(-6, 6, 4801)
    return grid, np.array([0.5 * (1 + erf(x / sqrt(2))) for x in grid])


_CDF_GRID, _CDF_VALUES = _gaussian_cdf_table()


def _student4_size(level: Floats) -> Floats:
    """Return the quantile of |t| with 4 degrees of freedom; its mean is 1."""
    root = np.sqrt(np.maximum(1 - level * level, 1e-15))
    size: Floats = 2 * np.sqrt(np.cos(np.arccos(root) / 3) / root - 1)
    return np.minimum(size, _LARGEST_MOVE)


def innovations(uniforms: Floats, chance_up: Floats) -> Floats:
    """Return moves with P(move > 0) = ``chance_up``, mean zero and mean size about 1."""
    chance_down = 1 - chance_up
    is_up = uniforms > chance_down
    side = np.where(is_up, chance_up, chance_down)
    level = np.where(is_up, uniforms - chance_down, chance_down - uniforms) / side
    size = _student4_size(level) / (2 * side)
    return np.where(is_up, size, -size)


def season(open_ms: IntArray) -> Floats:
    """Return the volatility factor of hours: hour of day × weekend, mean 1."""
    hour = open_ms // HOUR_MS
    day = hour // 24
    is_weekend = (day - _FIRST_SATURDAY_DAY) % 7 < 2
    factor: Floats = _HOUR_OF_DAY[hour % 24] * np.where(is_weekend, _WEEKEND, 1.0) / _WEEK_MEAN
    return factor


class Market:
    """Bars hour after hour, a week at a time; the same arguments give the same bars.

    Args:
        listings: the symbols, in the order of the arrays' columns.
        seed: of all draws.
        start_open_ms: open time of the first hour, UTC epoch ms.
        trades_per_hour: mean number of trades of all symbols together.
        signal: whether the sign reversal is in the prices.
        start: prices and mean moves to begin with; the listings' own if None.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        seed: int,
        start_open_ms: int,
        trades_per_hour: int,
        *,
        signal: bool = True,
        start: MarketStart | None = None,
    ) -> None:
        start = start or MarketStart.of(listings)
        self._listings = tuple(listings)
        self._seed = seed
        self._next_open_ms = start_open_ms
        self._chunk = 0
        self._signal = signal
        self._moves = start.mean_moves
        self._units = np.array([10.0**listing.price_decimals for listing in listings])
        self._steps = np.array([10.0**listing.quantity_decimals for listing in listings])
        self._rho = np.minimum([_COPULA_LIFT * x.market_correlation for x in listings], 1.0)
        self._stable = np.array([listing.is_stable for listing in listings])
        turnover = np.array([listing.hourly_turnover for listing in listings])
        self._turnover = turnover
        activity = np.array([listing.activity for listing in listings])
        self._mean_trades = trades_per_hour * activity / activity.sum()
        count = len(listings)
        rng = np.random.default_rng([seed, _STREAM, 0])
        self._shared_keep, self._shared_kick = _ar_parts(_SHARED_HALF_LIVES_H, _SHARED_STD)
        self._own_keep, self._own_kick = _ar_parts(_OWN_HALF_LIVES_H, _OWN_STD)
        self._shared = rng.standard_normal(3) * _SHARED_STD
        self._own = rng.standard_normal((2, count)) * _OWN_STD[:, None]
        self._calm = -0.5 * float((_SHARED_STD**2).sum() + (_OWN_STD**2).sum())
        self._log_price = np.log(start.prices)
        self._home = np.log(start.prices)
        self._peg = np.rint(start.prices * self._units)
        self._stable_level = np.zeros(count)
        self._last_close = np.rint(start.prices * self._units).astype(np.int64)
        self._recent = np.zeros((3, count))
        self._ewma = (1.4 * self._moves) ** 2
        self._activity_state = np.zeros(count)

    def next_week(self) -> MarketBars:
        """Return the next 168 hours and move on."""
        self._chunk += 1
        rng = np.random.default_rng([self._seed, _STREAM, self._chunk])
        opens = self._next_open_ms + HOUR_MS * np.arange(CHUNK_HOURS, dtype=np.int64)
        factors = season(opens)
        uniforms = self._correlated_uniforms(rng)
        before = self._log_price.copy()
        level_before = self._stable_level.copy()
        volatility, path, levels = self._walk(rng, factors, uniforms)
        starts = np.vstack([before, path[:-1]])
        bars = self._bars(rng, starts, path, volatility)
        if self._stable.any():
            self._stable_bars(rng, np.vstack([level_before, levels[:-1]]), levels, bars)
        self._next_open_ms += CHUNK_HOURS * HOUR_MS
        self._last_close = bars.close[-1]
        return bars

    def _correlated_uniforms(self, rng: np.random.Generator) -> Floats:
        count = len(self._listings)
        market = rng.standard_normal((CHUNK_HOURS, 1))
        alts = rng.standard_normal((CHUNK_HOURS, 1))
        own = rng.standard_normal((CHUNK_HOURS, count))
        rest = np.sqrt(_ALT_SHARE) * alts + np.sqrt(1 - _ALT_SHARE) * own
        gauss = self._rho * market + np.sqrt(1 - self._rho**2) * rest
        uniforms: Floats = np.interp(gauss, _CDF_GRID, _CDF_VALUES)
        return np.clip(uniforms, 1e-9, 1 - 1e-9)

    def _walk(
        self, rng: np.random.Generator, factors: Floats, uniforms: Floats
    ) -> tuple[Floats, Floats, Floats]:
        count = len(self._listings)
        shared_noise = rng.standard_normal((CHUNK_HOURS, 3)) * self._shared_kick
        own_noise = rng.standard_normal((CHUNK_HOURS, 2, count)) * self._own_kick[:, None]
        volatility = np.empty((CHUNK_HOURS, count))
        path = np.empty((CHUNK_HOURS, count))
        levels = np.empty((CHUNK_HOURS, count))
        fair = np.full(count, 0.5)
        for hour in range(CHUNK_HOURS):
            self._shared = self._shared_keep * self._shared + shared_noise[hour]
            self._own = self._own_keep[:, None] * self._own + own_noise[hour]
            heat = np.exp(self._shared.sum() + self._own.sum(axis=0) + self._calm) * factors[hour]
            sigma = self._moves * heat
            chance = fair
            if self._signal:
                scaled = self._recent.sum(axis=0) / np.sqrt(3 * self._ewma)
                chance = np.interp(scaled, _SIGNAL_KNOTS, _SIGNAL_CHANCES)
            unit = innovations(uniforms[hour], chance)
            move = sigma * unit
            self._recent[hour % 3] = move
            self._ewma = _EWMA_KEEP * self._ewma + (1 - _EWMA_KEEP) * move * move
            self._log_price = self._log_price + move - _PULL * (self._log_price - self._home)
            kick = _STABLE_SPREAD * heat * innovations(uniforms[hour], fair)
            self._stable_level = np.clip(
                _STABLE_KEEP * self._stable_level + kick, -_STABLE_LIMIT, _STABLE_LIMIT
            )
            volatility[hour] = sigma
            path[hour] = self._log_price
            levels[hour] = self._stable_level
        return volatility, path, levels

    def _bars(
        self, rng: np.random.Generator, starts: Floats, path: Floats, volatility: Floats
    ) -> MarketBars:
        shape = path.shape
        close = np.maximum(np.rint(np.exp(path) * self._units), 10).astype(np.int64)
        previous = np.vstack([self._last_close, close[:-1]])
        gap = np.where(previous > 20_000, rng.integers(-1, 2, shape), 0)
        is_gap = (rng.random(shape) < 0.4).astype(np.int64)
        open_: IntArray = previous + gap * is_gap
        move = path - starts
        spread = 2 * (_BRIDGE_SPREAD * volatility) ** 2
        up = 0.5 * (move + np.sqrt(move**2 - spread * np.log(1 - rng.random(shape))))
        down = 0.5 * (move - np.sqrt(move**2 - spread * np.log(1 - rng.random(shape))))
        high = np.rint(np.exp(starts + up) * self._units).astype(np.int64)
        low = np.rint(np.exp(starts + down) * self._units).astype(np.int64)
        high = np.maximum(high, np.maximum(open_, close))
        low = np.maximum(np.minimum(low, np.minimum(open_, close)), 1)
        volume, trades = self._activity(rng, np.abs(move), volatility, np.exp(path))
        return MarketBars(open_, high, low, close, volume, trades)

    def _activity(
        self, rng: np.random.Generator, size: Floats, volatility: Floats, price: Floats
    ) -> tuple[IntArray, IntArray]:
        shape = size.shape
        noise = 0.3 * rng.standard_normal(shape)
        state = np.empty(shape)
        for hour in range(shape[0]):
            self._activity_state = 0.85 * self._activity_state + noise[hour]
            state[hour] = self._activity_state
        heat = volatility / self._moves
        lively = np.exp(state - 0.16) * heat**0.8 * (0.55 + 0.45 * size / volatility)
        steps = np.maximum(np.rint(self._turnover * lively / price * self._steps), 1)
        mean = self._mean_trades * lively**0.6 * rng.lognormal(-0.01, 0.15, shape)
        trades = np.maximum(np.rint(1.05 * mean), 4)
        return np.maximum(steps, trades).astype(np.int64), trades.astype(np.int64)

    def _stable_bars(
        self, rng: np.random.Generator, starts: Floats, levels: Floats, bars: MarketBars
    ) -> None:
        columns = np.flatnonzero(self._stable)
        ticks = self._units / _STABLE_UNITS
        first = np.rint(self._peg + ticks * starts)[:, columns].astype(np.int64)
        last = np.rint(self._peg + ticks * levels)[:, columns].astype(np.int64)
        reach = rng.integers(0, 2, (2, *first.shape))
        bars.open[:, columns] = first
        bars.close[:, columns] = last
        bars.high[:, columns] = np.maximum(first, last) + reach[0]
        bars.low[:, columns] = np.minimum(first, last) - reach[1]
