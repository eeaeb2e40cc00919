"""Book and mini tickers are views of the one trade sequence."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import orjson
import pytest

from conf.names import DAY_MS, HOUR_MS
from conf.standin import StandInSettings
from exchange.book import synthetic_book
from exchange.listings import KNOWN_LISTINGS
from exchange.tickers import book_ticker, mini_ticker, rolling_day

pytestmark = pytest.mark.unit

DOT = KNOWN_LISTINGS["DOTUSDT"]
BOOK = synthetic_book(
    StandInSettings(
        symbols=("DOTUSDT",), history_hours=60, halted_hours=("*:1",), quiet_hours=("*:2",)
    )
)
SERIES = BOOK.series["DOTUSDT"]
START_MS = BOOK.live_start_ms


@pytest.mark.parametrize(("is_maker", "side"), [(True, "b"), (False, "a")])
def test_the_trade_has_the_price_of_the_side_that_it_met(is_maker: bool, side: str) -> None:
    ticker = orjson.loads(book_ticker(DOT, 77, 6_643, buyer_is_maker=is_maker))

    assert list(ticker) == ["u", "s", "b", "B", "a", "A"]
    assert (ticker["u"], ticker["s"], ticker[side]) == (77, "DOTUSDT", "6.64300000")
    assert Decimal(ticker["a"]) - Decimal(ticker["b"]) == Decimal("0.001")
    assert min(Decimal(ticker["A"]), Decimal(ticker["B"])) > 0


def test_a_bid_is_never_negative_and_quantities_change() -> None:
    tickers = [orjson.loads(book_ticker(DOT, n, 1, buyer_is_maker=False)) for n in range(20)]

    assert {(one["b"], one["a"]) for one in tickers} == {("0.00000000", "0.00100000")}
    assert len({(one["B"], one["A"]) for one in tickers}) > 10


@pytest.mark.parametrize(
    "now_ms",
    [
        START_MS,
        START_MS + 1_234_567,
        START_MS + HOUR_MS - 1,
        START_MS + HOUR_MS + 5,  # halted
        START_MS + 3 * HOUR_MS - 1,  # quiet
        START_MS + 30 * HOUR_MS + 7,
    ],
)
def test_the_rolling_day_is_the_sum_of_its_trades(now_ms: int) -> None:
    parts = []
    for open_ms in range(START_MS - 60 * HOUR_MS, now_ms + 1, HOUR_MS):
        hour = SERIES.trades(open_ms)
        if hour is not None:
            inside = (hour.moments() <= now_ms) & (hour.moments() > now_ms - DAY_MS)
            parts.append(np.column_stack([hour.price, hour.quantity])[inside])
    price, quantity = np.vstack(parts).T

    bar = rolling_day(SERIES, now_ms)

    assert bar is not None
    assert bar.trades == len(price)
    assert (bar.open, bar.close) == (price[0], price[-1])
    assert (bar.high, bar.low) == (price.max(), price.min())
    assert (bar.volume, bar.quote) == (quantity.sum(), (price * quantity).sum())


def test_a_trade_leaves_the_rolling_day_when_it_is_24_hours_old() -> None:
    hour = SERIES.trades(START_MS - 10 * HOUR_MS)
    assert hour is not None
    moment = int(hour.moments()[len(hour.price) // 2])
    leaving = int((hour.moments() == moment).sum())
    last_id = int(hour.trade_id[hour.moments() <= moment][-1])

    before, after = (rolling_day(SERIES, moment + DAY_MS + step) for step in (-1, 0))

    assert before is not None
    assert after is not None
    assert (before.first_id, after.first_id) == (last_id - leaving + 1, last_id + 1)


def test_a_young_symbol_has_what_there_is() -> None:
    bar = rolling_day(SERIES, SERIES.first_open_ms + 2 * HOUR_MS - 1)

    assert bar is not None
    assert bar.trades == sum(
        SERIES.closed_bar(SERIES.first_open_ms + hour * HOUR_MS).trades for hour in range(2)
    )
    assert rolling_day(SERIES, SERIES.first_open_ms - 1) is None


def test_a_mini_ticker_on_the_wire() -> None:
    bar = rolling_day(SERIES, START_MS)
    assert bar is not None

    ticker = orjson.loads(mini_ticker(DOT, bar, START_MS))

    assert ticker == {
        "e": "24hrMiniTicker",
        "E": START_MS,
        "s": "DOTUSDT",
        "c": DOT.price_text(bar.close),
        "o": DOT.price_text(bar.open),
        "h": DOT.price_text(bar.high),
        "l": DOT.price_text(bar.low),
        "v": DOT.quantity_text(bar.volume),
        "q": DOT.quote_text(bar.quote),
    }
