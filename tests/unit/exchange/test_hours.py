"""Hours made from targets: ids, quiet and absent hours, and the same trades every time."""

from __future__ import annotations

import numpy as np
import pytest

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.bars import BarTarget, HourState
from exchange.book import synthetic_book
from exchange.errors import StandInError
from exchange.hours import TargetSeries, TargetSource
from exchange.listings import KNOWN_LISTINGS, decimal_text
from exchange.series import HourTrades

pytestmark = pytest.mark.unit

OPEN_MS = 1_767_225_600_000
BTC = KNOWN_LISTINGS["BTCUSDT"]


class Listed(TargetSource):
    def __init__(self, *targets: BarTarget | HourState) -> None:
        self._targets = targets

    def target(self, hour: int) -> BarTarget | HourState | None:
        return self._targets[hour] if hour < len(self._targets) else None


def traded(open_: int, close: int, trades: int = 50) -> BarTarget:
    return BarTarget(open_, max(open_, close) + 5, min(open_, close) - 5, close, 10_000, trades)


def series_of(*targets: BarTarget | HourState, seed: int = 1) -> TargetSeries:
    return TargetSeries(BTC, Listed(*targets), seed, OPEN_MS)


def hour_ms(index: int) -> int:
    return OPEN_MS + index * HOUR_MS


def test_ids_run_on_over_quiet_and_absent_hours() -> None:
    series = series_of(
        traded(100, 110, 50), HourState.QUIET, HourState.ABSENT, traded(110, 120, 70)
    )

    first, last = series.trades(hour_ms(0)), series.trades(hour_ms(3))

    assert isinstance(first, HourTrades)
    assert isinstance(last, HourTrades)
    assert first.trade_id.tolist() == list(range(1, 51))
    assert last.trade_id.tolist() == list(range(51, 121))
    assert last.first_order_id == len(first.order_ends) + 1


def test_a_quiet_hour_is_flat_at_the_last_close() -> None:
    series = series_of(traded(100, 110), HourState.QUIET)

    bar = series.bar(hour_ms(1), now_ms=hour_ms(2))

    assert bar is not None
    assert (bar.open, bar.high, bar.low, bar.close) == (110, 110, 110, 110)
    assert (bar.volume, bar.quote, bar.trades, bar.first_id, bar.last_id) == (0, 0, 0, -1, -1)
    assert series.trades(hour_ms(1)) is None


def test_an_absent_hour_has_no_bar() -> None:
    series = series_of(traded(100, 110), HourState.ABSENT, traded(110, 120))

    assert series.bar(hour_ms(1), now_ms=hour_ms(3)) is None
    assert series.bar(hour_ms(2), now_ms=hour_ms(3)) is not None


def test_nothing_after_now_is_shown() -> None:
    series = series_of(traded(100, 110), traded(110, 120))
    now = hour_ms(1) + HOUR_MS // 2

    bar = series.bar(hour_ms(1), now)
    trades = series.trades(hour_ms(1))

    assert bar is not None
    assert trades is not None
    assert 0 < bar.trades == trades.seen(now) < 50
    assert bar.close == trades.price[bar.trades - 1]
    assert series.bar(hour_ms(2), now) is None
    assert [seen for _, seen in series.hours_from(hour_ms(0), now)] == [50, bar.trades]


def test_the_open_hour_is_flat_before_its_first_trade() -> None:
    series = series_of(traded(100, 110), traded(111, 120))

    bar = series.bar(hour_ms(1), now_ms=hour_ms(1))

    assert bar is not None
    assert (bar.open, bar.close, bar.trades) == (110, 110, 0)


def test_a_series_ends_with_its_targets() -> None:
    series = series_of(traded(100, 110))

    assert series.state(hour_ms(5)) is HourState.ABSENT
    assert series.end_ms() == hour_ms(1)
    assert series.last_open_ms(hour_ms(9)) == hour_ms(0)


@pytest.mark.parametrize(("trade_id", "hour"), [(0, 0), (1, 0), (50, 0), (51, 2), (120, 2)])
def test_the_hour_of_an_id_is_found(trade_id: int, hour: int) -> None:
    series = series_of(traded(100, 110, 50), HourState.QUIET, traded(110, 120, 70))

    assert series.hour_of_trade(trade_id, hour_ms(3) - 1) == hour_ms(hour)


def test_hours_are_made_again_from_the_seed() -> None:
    targets = [traded(100, 110), *[traded(110, 110)] * 20]
    series, again, other = (series_of(*targets, seed=seed) for seed in (1, 1, 2))

    before = series.trades(hour_ms(0))
    for index in range(21):  # push the first hour out of the few that are kept
        series.trades(hour_ms(index))
    after = series.trades(hour_ms(0))

    assert before is not None
    assert after is not None
    assert after is not before
    for column in ("price", "quantity", "time_ms", "buyer_is_maker"):
        assert np.array_equal(getattr(before, column), getattr(after, column))
    same, different = again.trades(hour_ms(0)), other.trades(hour_ms(0))
    assert same is not None
    assert different is not None
    assert np.array_equal(same.price, before.price)
    assert not np.array_equal(different.price, before.price)


def test_bars_are_sums_of_their_trades() -> None:
    book = synthetic_book(StandInSettings(history_hours=30, trades_per_hour=2_000))

    for series in book.series.values():
        for hours in range(1, 31):
            open_ms = book.live_start_ms - hours * HOUR_MS
            bar, trades = series.closed_bar(open_ms), series.trades(open_ms)
            assert trades is not None
            assert trades.bar(0, len(trades.price), open_ms, HOUR_MS) == bar


def test_settings_make_live_hours_quiet_or_halted() -> None:
    settings = StandInSettings(
        symbols=("BTCUSDT", "DOTUSDT"),
        history_hours=3,
        quiet_hours=("DOTUSDT:1",),
        halted_hours=("*:2",),
    )
    book = synthetic_book(settings)

    def states(symbol: str) -> list[HourState]:
        start = book.live_start_ms
        return [book.series[symbol].state(start + hour * HOUR_MS) for hour in range(4)]

    traded_, quiet, absent = HourState.TRADED, HourState.QUIET, HourState.ABSENT
    assert states("BTCUSDT") == [traded_, traded_, absent, traded_]
    assert states("DOTUSDT") == [traded_, quiet, absent, traded_]


def test_a_longer_past_changes_no_id_order() -> None:
    book = synthetic_book(StandInSettings(history_hours=200))
    series = book.series["ETHUSDT"]

    last = 0
    for hour in range(200, -5, -1):
        bar = series.closed_bar(book.live_start_ms - hour * HOUR_MS)
        assert bar.first_id == last + 1
        last = bar.last_id


@pytest.mark.parametrize("entry", ["DOTUSDT", "DOTUSDT:x", ":3"])
def test_a_wrong_override_is_named(entry: str) -> None:
    with pytest.raises(StandInError, match="NEXTHOUR_STANDIN_QUIET_HOURS"):
        synthetic_book(StandInSettings(quiet_hours=(entry,)))


def test_an_unknown_symbol_is_named() -> None:
    with pytest.raises(StandInError, match="NOSUCHUSDT"):
        synthetic_book(StandInSettings(symbols=("BTCUSDT", "NOSUCHUSDT")))


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (6168599, 2, "61685.99000000"),
        (1, 8, "0.00000001"),
        (0, 3, "0.00000000"),
        (12, 0, "12.00000000"),
        (1234567891, 9, "1.234567891"),
    ],
)
def test_decimals_are_written_exactly(value: int, decimals: int, text: str) -> None:
    assert decimal_text(value, decimals) == text
