"""Bursts, ids that never existed, and trading that stops: the book stays one book."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.bars import BarTarget, HourState
from exchange.book import synthetic_book
from exchange.errors import StandInError
from exchange.extras import (
    HourExtras,
    abort_points,
    jump_position,
    live_extras,
    with_burst,
)
from exchange.hours import TargetSeries, TargetSource
from exchange.listings import KNOWN_LISTINGS
from exchange.queries import historical_trades, orders
from exchange.series import HourTrades
from exchange.synthesis import HourOrders

pytestmark = pytest.mark.unit

OPEN_MS = 1_767_225_600_000
MANY = 60


class Listed(TargetSource):
    """Traded hours of 50 trades, but for some."""

    def __init__(self, **states: HourState) -> None:
        self._states = {int(key[1:]): state for key, state in states.items()}

    def target(self, hour: int) -> BarTarget | HourState | None:
        traded = BarTarget(100 + hour, 110 + hour, 95 + hour, 101 + hour, 10_000, 50)
        return self._states.get(hour, traded)


def series_of(*, extras: dict[int, HourExtras] | None = None, **states: HourState) -> TargetSeries:
    listing = KNOWN_LISTINGS["BTCUSDT"]
    return TargetSeries(listing, Listed(**states), 1, OPEN_MS, extras)


def hour_ms(index: int) -> int:
    return OPEN_MS + index * HOUR_MS


def hour_of(series: TargetSeries, index: int) -> HourTrades:
    hour = series.trades(hour_ms(index))
    assert hour is not None
    return hour


def check_book(series: TargetSeries, hours: int) -> None:
    """Every bar is the sum of its trades, and ids and orders run on from hour to hour."""
    next_id = next_order = 1
    for index in range(hours):
        if series.state(hour_ms(index)) is not HourState.TRADED:
            assert series.trades(hour_ms(index)) is None
            continue
        hour = hour_of(series, index)
        bar = series.closed_bar(hour_ms(index))
        assert hour.bar(0, len(hour.price), hour_ms(index), HOUR_MS) == bar
        assert hour.trade_id[0] == next_id
        assert (np.diff(hour.trade_id) > 0).all()
        assert (np.diff(hour.time_ms) >= 0).all()
        assert hour.time_ms[0] >= hour_ms(index)
        assert hour.time_ms[-1] < hour_ms(index + 1)
        assert hour.first_order_id == next_order
        assert hour.order_ends[-1] == len(hour.price)
        assert series.price_before(hour_ms(index + 1)) == hour.price[-1]
        next_id = int(hour.trade_id[-1]) + 1
        next_order += len(hour.order_ends)


@pytest.mark.parametrize("count", [1, 7, 5_000])
def test_a_burst_lies_in_one_second_and_leaves_open_high_low_close_alone(count: int) -> None:
    plain, burst = series_of(), series_of(extras={1: HourExtras(burst=count)})

    before, after = (one.closed_bar(hour_ms(1)) for one in (plain, burst))
    check_book(burst, 4)

    assert (after.open, after.high, after.low, after.close) == (
        before.open,
        before.high,
        before.low,
        before.close,
    )
    assert after.trades == before.trades + count
    assert after.volume == before.volume + count
    times = hour_of(burst, 1).time_ms
    assert (times[count - 1 :] - times[: len(times) - count + 1]).min() < 1_000
    assert burst.closed_bar(hour_ms(2)).first_id == plain.closed_bar(hour_ms(2)).first_id + count


def test_a_burst_of_an_hour_with_one_order() -> None:
    one = np.array([5], dtype=np.int64)
    orders_ = HourOrders(OPEN_MS, one * 20, one, one, one + OPEN_MS, np.array([True]))

    grown = with_burst(orders_, 3)

    assert grown.price.tolist() == [100] * 4
    assert grown.fills.tolist() == [5, 1, 1, 1]
    assert (np.diff(grown.time_ms) >= 0).all()
    assert jump_position(orders_) == 0


def test_a_burst_ends_before_the_next_order() -> None:
    ones = np.ones(2, dtype=np.int64)
    times = np.array([OPEN_MS + 100, OPEN_MS + 110], dtype=np.int64)
    orders_ = HourOrders(OPEN_MS, ones, ones, ones, times, np.array([True, False]))

    grown = with_burst(orders_, 50)

    assert len(grown.price) == 52
    assert (np.diff(grown.time_ms) >= 0).all()
    assert grown.time_ms[-1] == OPEN_MS + 110


def test_ids_that_never_existed_are_counted_by_nobody() -> None:
    series = series_of(extras={1: HourExtras(absent_ids=30)})
    check_book(series, 4)

    hour, bar = hour_of(series, 1), series.closed_bar(hour_ms(1))
    position = int(np.argmax(np.diff(hour.trade_id))) + 1
    assert np.unique(np.diff(hour.trade_id)).tolist() == [1, 31]
    assert 0 < position < len(hour.price)
    assert position in hour.order_ends
    assert (bar.trades, bar.last_id - bar.first_id + 1) == (50, 80)
    now = hour_ms(3)
    inside = historical_trades(series, now, int(hour.trade_id[position - 1]) + 5, 1)
    assert inside[0]["id"] == hour.trade_id[position]
    rows = orders(series, now, from_id=hour.first_order_id, start_ms=None, end_ms=None, limit=99)
    holes = [late["f"] - early["l"] for early, late in pairwise(rows)]
    assert sorted(set(holes)) == [1, 31]


def test_a_burst_at_run_time_comes_in_the_next_hour_that_trades() -> None:
    series = series_of(h2=HourState.QUIET, h3=HourState.ABSENT)
    series.trades(hour_ms(2))  # made already, as the player does
    series.trades(hour_ms(4))
    version = series.version

    open_ms = series.add_burst(hour_ms(1) + 5, 500)

    assert open_ms == hour_ms(4)
    assert series.version > version
    assert series.closed_bar(hour_ms(4)).trades == 550
    assert series.add_burst(hour_ms(1) + 6, 100) == hour_ms(4)
    assert series.closed_bar(hour_ms(4)).trades == 650
    check_book(series, 7)


def test_no_burst_where_nothing_trades() -> None:
    series = series_of()
    series.stop_trading(hour_ms(1), HourState.ABSENT)

    assert series.add_burst(hour_ms(1), 5) is None


@pytest.mark.parametrize("state", [HourState.ABSENT, HourState.QUIET])
def test_trading_stops_at_once_and_goes_on_with_the_next_hour(state: HourState) -> None:
    series, plain = series_of(), series_of()
    now = hour_ms(1) + HOUR_MS // 2
    whole = hour_of(series, 1)
    series.closed_bar(hour_ms(2))

    series.stop_trading(now, state)
    stopped = [series.state(hour_ms(index)) for index in range(5)]
    from_ms = series.resume_trading(hour_ms(4) + 7)
    check_book(series, 8)

    assert stopped == [HourState.TRADED, HourState.TRADED, state, state, state]
    assert from_ms == hour_ms(5)
    kept = hour_of(series, 1)
    assert 0 < len(kept.price) == whole.seen(now) < len(whole.price)
    assert kept.trade_id.tolist() == whole.trade_id[: len(kept.price)].tolist()
    resumed = hour_of(series, 5)
    assert resumed.price.tolist() == hour_of(plain, 5).price.tolist()
    assert resumed.trade_id[0] == kept.trade_id[-1] + 1


@pytest.mark.parametrize("state", [HourState.ABSENT, HourState.QUIET])
def test_an_hour_that_stops_before_its_first_trade_has_none(state: HourState) -> None:
    series = series_of()
    hour_of(series, 1)

    series.stop_trading(hour_ms(1), state)
    series.resume_trading(hour_ms(1) + 9)
    check_book(series, 5)

    assert series.state(hour_ms(1)) is state
    assert series.price_before(hour_ms(2)) == hour_of(series, 0).price[-1]


def test_a_stop_in_the_middle_of_an_order_ends_the_order_there() -> None:
    hour = hour_of(series_of(), 0)
    first = int(hour.order_ends[np.argmax(np.diff(hour.order_ends, prepend=0) > 1)])

    part = hour.first(first - 1)

    assert part.order_ends[-1] == len(part.price) == first - 1
    assert hour.first(0).order_ends.tolist() == []
    assert hour.first(len(hour.price)).order_ends.tolist() == hour.order_ends.tolist()


def test_an_hour_cut_short_is_the_same_after_it_was_forgotten() -> None:
    series = series_of()
    series.stop_trading(hour_ms(1) + HOUR_MS // 2, HourState.QUIET)
    before = hour_of(series, 1)
    series.resume_trading(hour_ms(1) + HOUR_MS // 2 + 1)
    for index in range(2, MANY):
        series.trades(hour_ms(index))

    after = hour_of(series, 1)

    assert after is not before
    assert after.trade_id.tolist() == before.trade_id.tolist()
    assert after.order_ends.tolist() == before.order_ends.tolist()


def test_settings_add_to_live_hours_of_one_symbol_or_of_all() -> None:
    settings = StandInSettings(
        symbols=("BTCUSDT", "DOTUSDT"),
        history_hours=3,
        bursts=("DOTUSDT:1:200", "DOTUSDT:1:50"),
        absent_ids=("*:1:9",),
    )
    assert live_extras(settings, "DOTUSDT", 3) == {4: HourExtras(250, 9)}
    assert live_extras(settings, "BTCUSDT", 3) == {4: HourExtras(0, 9)}

    book = synthetic_book(settings)
    plain = synthetic_book(StandInSettings(symbols=settings.symbols, history_hours=3))
    open_ms = book.live_start_ms + HOUR_MS
    with_extras, without = (one.series["DOTUSDT"].closed_bar(open_ms) for one in (book, plain))
    assert with_extras.trades == without.trades + 250
    assert with_extras.last_id == without.last_id + 259


@pytest.mark.parametrize(
    ("setting", "entry"),
    [
        ("bursts", "BTCUSDT:1"),
        ("bursts", "BTCUSDT:1:x"),
        ("absent_ids", ":1:5"),
        ("absent_ids", "BTCUSDT:-1:5"),
    ],
)
def test_a_wrong_entry_is_named(setting: str, entry: str) -> None:
    with pytest.raises(StandInError, match=f"{setting.upper()}.*SYMBOL:N:COUNT"):
        synthetic_book(StandInSettings.model_validate({setting: (entry,)}))


def test_trades_to_abort_at() -> None:
    settings = StandInSettings(abort_at=("BTCUSDT:17",))

    assert abort_points(settings, ("BTCUSDT",)) == [("BTCUSDT", 17)]
    with pytest.raises(StandInError, match="BTCUSDT is not listed"):
        abort_points(settings, ("DOTUSDT",))
    with pytest.raises(StandInError, match="SYMBOL:ID"):
        abort_points(StandInSettings(abort_at=("BTCUSDT",)), ("BTCUSDT",))


def test_a_capture_has_no_made_hours() -> None:
    with pytest.raises(ValueError, match="not for a capture"):
        StandInSettings(capture="some.json", absent_ids="BTCUSDT:0:1")
