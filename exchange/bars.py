"""Hourly bars: the targets that a market gives, and the bars that trades add up to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.names import HOUR_MS
from exchange.listings import Listing

IntArray = npt.NDArray[np.int64]
NO_ID = -1


class HourState(IntEnum):
    """What an hour is: without a kline, without a trade, or traded."""

    ABSENT = 0
    QUIET = 1
    TRADED = 2


@dataclass(frozen=True, slots=True)
class BarTarget:
    """What the trades of one hour must add up to, in ticks and steps.

    `quote` (tick × step units) is None where only open, high, low, close, volume and count count.
    """

    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int
    quote: int | None = None

    @property
    def needed(self) -> int:
        """The fewest trades that can touch open, high, low and close."""
        if self.high == self.low:
            return 1
        inside = (self.high > max(self.open, self.close)) + (self.low < min(self.open, self.close))
        return 2 + inside


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour as its trades add up to (grain: symbol, open time), in ticks and steps.

    Quote amounts are in tick × step units. An hour without trades is flat with ids -1.
    """

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote: int
    trades: int
    buy_volume: int
    buy_quote: int
    first_id: int
    last_id: int
    span_ms: int = HOUR_MS

    @property
    def close_ms(self) -> int:
        """The last millisecond of the interval."""
        return self.open_ms + self.span_ms - 1


def flat_bar(open_ms: int, price: int, span_ms: int = HOUR_MS) -> Bar:
    """Return the bar of an interval without trades."""
    return Bar(open_ms, price, price, price, price, 0, 0, 0, 0, 0, NO_ID, NO_ID, span_ms)


def merge_bars(bars: list[Bar], open_ms: int, span_ms: int) -> Bar:
    """Return the bar of a longer interval from the bars inside it, in order of time."""
    traded = [bar for bar in bars if bar.trades]
    if not traded:
        return flat_bar(open_ms, bars[0].open, span_ms)
    return Bar(
        open_ms,
        traded[0].open,
        max(bar.high for bar in traded),
        min(bar.low for bar in traded),
        traded[-1].close,
        sum(bar.volume for bar in traded),
        sum(bar.quote for bar in traded),
        sum(bar.trades for bar in traded),
        sum(bar.buy_volume for bar in traded),
        sum(bar.buy_quote for bar in traded),
        traded[0].first_id,
        traded[-1].last_id,
        span_ms,
    )


def rest_kline(listing: Listing, bar: Bar) -> list[Any]:
    """Return the 12 positions of REST ``klines``."""
    return [
        bar.open_ms,
        listing.price_text(bar.open),
        listing.price_text(bar.high),
        listing.price_text(bar.low),
        listing.price_text(bar.close),
        listing.quantity_text(bar.volume),
        bar.close_ms,
        listing.quote_text(bar.quote),
        bar.trades,
        listing.quantity_text(bar.buy_volume),
        listing.quote_text(bar.buy_quote),
        "0",
    ]


def oracle_candle(listing: Listing, bar: Bar) -> dict[str, Any]:
    """Return a bar as the control port shows it, with ids."""
    return {
        "symbol": listing.symbol,
        "open_time_ms": bar.open_ms,
        "open": listing.price_text(bar.open),
        "high": listing.price_text(bar.high),
        "low": listing.price_text(bar.low),
        "close": listing.price_text(bar.close),
        "volume": listing.quantity_text(bar.volume),
        "quote_volume": listing.quote_text(bar.quote),
        "taker_buy_volume": listing.quantity_text(bar.buy_volume),
        "taker_buy_quote_volume": listing.quote_text(bar.buy_quote),
        "trades": bar.trades,
        "first_trade_id": bar.first_id,
        "last_trade_id": bar.last_id,
    }
