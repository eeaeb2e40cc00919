"""The synthetic market behaves like the real one (forecasting.md 2.4), on two years of bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from conf.names import HOUR_MS
from conf.settings import DEFAULT_SYMBOLS
from exchange.listings import select_listings
from exchange.market import CHUNK_HOURS, Market, innovations, season

pytestmark = pytest.mark.unit

START_MS = 1_704_067_200_000  # 2024-01-01
WEEKS = 120
LISTINGS = select_listings(DEFAULT_SYMBOLS)
COINS = [index for index, listing in enumerate(LISTINGS) if not listing.is_stable]
STABLE = DEFAULT_SYMBOLS.index("USDCUSDT")
TRADES_PER_HOUR = 4_000


@dataclass
class Years:
    open: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    low: npt.NDArray[np.int64]
    close: npt.NDArray[np.int64]
    volume: npt.NDArray[np.int64]
    trades: npt.NDArray[np.int64]

    @property
    def returns(self) -> npt.NDArray[np.float64]:
        return np.diff(np.log(self.close), axis=0)


def simulate(*, signal: bool, seed: int = 7) -> Years:
    market = Market(LISTINGS, seed, START_MS, TRADES_PER_HOUR, signal=signal)
    weeks = [market.next_week() for _ in range(WEEKS)]
    names = ("open", "high", "low", "close", "volume", "trades")
    return Years(*(np.vstack([getattr(week, name) for week in weeks]) for name in names))


@pytest.fixture(scope="module")
def years() -> Years:
    return simulate(signal=True)


def chances_up(years: Years) -> tuple[list[float], list[float]]:
    """Return P(up) and the mean scaled return by decile of the scaled 3-hour return."""
    returns = years.returns[:, COINS]
    keep = 0.5 ** (1 / 24)
    ewma = np.empty_like(returns)
    level = returns[:200].var(axis=0)
    for hour, row in enumerate(returns):
        level = keep * level + (1 - keep) * row**2
        ewma[hour] = level
    three = returns[2:-1] + returns[1:-2] + returns[:-3]
    past = (three / np.sqrt(3 * ewma[2:-1])).ravel()
    coming = returns[3:].ravel()
    scaled = (returns[3:] / np.sqrt(ewma[2:-1])).ravel()
    decile = np.digitize(past, np.quantile(past, np.arange(0.1, 1.0, 0.1)))
    ups, means = [], []
    for index in range(10):
        chosen = coming[decile == index]
        ups.append(float((chosen > 0).sum() / (chosen != 0).sum()))
        means.append(float(scaled[decile == index].mean()))
    return ups, means


def autocorrelation(values: npt.NDArray[np.float64], lag: int) -> float:
    centred = values - values.mean()
    return float((centred[:-lag] * centred[lag:]).mean() / (centred**2).mean())


def test_sign_reverses_while_the_mean_stays(years: Years) -> None:
    ups, means = chances_up(years)

    measured = [0.576, 0.553, 0.535, 0.523, 0.507, 0.492, 0.475, 0.471, 0.461, 0.451]
    assert ups == pytest.approx(measured, abs=0.02)
    assert ups[0] - ups[9] > 0.09
    assert max(abs(mean) for mean in means) < 0.05


def test_the_signal_can_be_switched_off() -> None:
    ups, _ = chances_up(simulate(signal=False))

    assert ups == pytest.approx([0.5] * 10, abs=0.02)


def test_each_coin_moves_as_much_as_the_real_one(years: Years) -> None:
    moves = 100 * np.abs(years.returns).mean(axis=0)[COINS]

    real = [0.406, 0.526, 0.633, 0.523, 0.729, 0.668, 0.831, 0.710, 0.877]
    assert moves == pytest.approx(real, rel=0.25)


def test_volatility_clusters_and_decays_slowly(years: Years) -> None:
    sizes = np.abs(years.returns)[:, COINS]

    by_lag = {
        lag: float(np.mean([autocorrelation(column, lag) for column in sizes.T]))
        for lag in (1, 6, 24, 168)
    }

    assert 0.18 < by_lag[1] < 0.40
    assert 0.11 < by_lag[6] < 0.30
    assert 0.07 < by_lag[24] < 0.27
    assert 0.03 < by_lag[168] < 0.17
    assert by_lag[1] > by_lag[6] > by_lag[24] > by_lag[168]


def test_returns_have_heavy_tails(years: Years) -> None:
    returns = years.returns[:, COINS]

    kurtosis = (returns**4).mean(axis=0) / (returns**2).mean(axis=0) ** 2 - 3

    assert 8 < float(np.median(kurtosis)) < 80


def test_volatility_follows_the_hour_and_the_weekend(years: Years) -> None:
    sizes = np.abs(years.returns)[:, COINS].mean(axis=1)
    opens = START_MS + HOUR_MS * (1 + np.arange(len(sizes)))
    hour = opens // HOUR_MS % 24
    weekday = (opens // (24 * HOUR_MS) + 3) % 7  # 0 = Monday

    by_hour = np.array([sizes[hour == h].mean() for h in range(24)]) / sizes.mean()
    on_workdays = sizes[weekday < 5].mean()

    assert by_hour[4] == pytest.approx(0.78, abs=0.1)
    assert by_hour[14] == pytest.approx(1.24, abs=0.1)
    assert by_hour[0] == pytest.approx(1.19, abs=0.1)
    assert sizes[weekday >= 5].mean() / on_workdays == pytest.approx(0.81, abs=0.1)


def test_season_has_mean_one() -> None:
    week = season(START_MS + HOUR_MS * np.arange(168, dtype=np.int64))

    assert float(week.mean()) == pytest.approx(1.0, abs=0.01)


def test_coins_follow_bitcoin(years: Years) -> None:
    correlation = np.corrcoef(years.returns.T)[0]

    for column, listing in enumerate(LISTINGS):
        assert correlation[column] == pytest.approx(listing.market_correlation, abs=0.08)


def test_the_stable_coin_stays_at_its_peg(years: Years) -> None:
    moves = years.returns[:, STABLE]
    close = years.close[:, STABLE]

    assert 0.38 < (moves == 0).mean() < 0.55
    assert 9_900 < close.min() <= close.max() < 10_100
    assert -0.30 < autocorrelation(moves, 1) < -0.05


def test_bars_are_bars(years: Years) -> None:
    assert (years.low >= 1).all()
    assert (years.low <= np.minimum(years.open, years.close)).all()
    assert (years.high >= np.maximum(years.open, years.close)).all()
    assert (years.volume >= years.trades).all()
    assert years.trades.min() >= 4


def test_trades_come_at_the_rate_that_was_set(years: Years) -> None:
    assert years.trades.sum(axis=1).mean() == pytest.approx(TRADES_PER_HOUR, rel=0.15)


def test_prices_fit_64_bit_notionals(years: Years) -> None:
    notional = years.high.astype(object) * years.volume.astype(object)

    assert notional.max() < 2**62


def test_the_same_seed_gives_the_same_market() -> None:
    def first_weeks(seed: int) -> list[list[int]]:
        market = Market(LISTINGS, seed, START_MS, TRADES_PER_HOUR)
        return [market.next_week().close[-1].tolist() for _ in range(2)]

    assert first_weeks(1) == first_weeks(1)
    assert first_weeks(1) != first_weeks(2)


def test_innovations_have_the_chance_asked_for_and_mean_zero() -> None:
    uniforms = np.linspace(1e-6, 1 - 1e-6, 200_001)

    for chance in (0.45, 0.5, 0.58):
        moves = innovations(uniforms, np.full_like(uniforms, chance))
        assert (moves > 0).mean() == pytest.approx(chance, abs=1e-3)
        assert moves.mean() == pytest.approx(0.0, abs=0.01)
        assert (np.diff(moves) >= 0).all()


def test_weeks_have_168_hours() -> None:
    market = Market(LISTINGS, 1, START_MS, TRADES_PER_HOUR)

    assert market.next_week().close.shape == (CHUNK_HOURS, len(LISTINGS))
