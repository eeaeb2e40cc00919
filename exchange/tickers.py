"""`@bookTicker` and `@miniTicker`, derived from the one trade sequence (binance.md 4.4 and 4.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from conf.names import DAY_MS, HOUR_MS, hour_open_ms
from exchange.bars import Bar, HourState, merge_bars
from exchange.clock import Clock
from exchange.hub import Hub
from exchange.listings import Listing
from exchange.series import Series

# The second name is what stock clients still ask for.
ALL_TICKERS = ("!miniTicker@arr", "!miniTicker@arr@1000ms")
_MOST_STEPS = 997
_MIX = 2_654_435_761


def book_stream(symbol: str) -> str:
    """Return the name of a symbol's book ticker stream."""
    return f"{symbol.lower()}@bookTicker"


def ticker_stream(symbol: str) -> str:
    """Return the name of a symbol's mini ticker stream."""
    return f"{symbol.lower()}@miniTicker"


def book_ticker(listing: Listing, trade_id: int, price: int, *, buyer_is_maker: bool) -> bytes:
    """Return the best bid and ask right after a trade.

    A taker who sold met the bid, one who bought the ask: the trade's price is that side's, the
    other is a tick away. Quantities follow from the id; the update id is the trade's.
    """
    bid = price if buyer_is_maker else max(price - 1, 0)
    ask = bid + 1
    steps = trade_id * _MIX
    bid_steps = steps % _MOST_STEPS + 1
    ask_steps = steps // _MOST_STEPS % _MOST_STEPS + 1
    return (
        f'{{"u":{trade_id},"s":"{listing.symbol}","b":"{listing.price_text(bid)}",'
        f'"B":"{listing.quantity_text(bid_steps)}","a":"{listing.price_text(ask)}",'
        f'"A":"{listing.quantity_text(ask_steps)}"}}'
    ).encode()


def mini_ticker(listing: Listing, bar: Bar, event_ms: int) -> bytes:
    """Return a `@miniTicker` payload of the bar of the last 24 hours."""
    price = listing.price_text
    return (
        f'{{"e":"24hrMiniTicker","E":{event_ms},"s":"{listing.symbol}","c":"{price(bar.close)}",'
        f'"o":"{price(bar.open)}","h":"{price(bar.high)}","l":"{price(bar.low)}",'
        f'"v":"{listing.quantity_text(bar.volume)}","q":"{listing.quote_text(bar.quote)}"}}'
    ).encode()


def rolling_day(series: Series, now_ms: int) -> Bar | None:
    """Return the bar of the trades in (now - 24 h, now]; None if the symbol never traded."""
    begin_ms = max(now_ms - DAY_MS + 1, series.first_open_ms)
    bars = []
    for open_ms in range(hour_open_ms(begin_ms), series.last_open_ms(now_ms) + 1, HOUR_MS):
        if series.state(open_ms) is HourState.ABSENT:
            continue
        if open_ms < begin_ms or open_ms + HOUR_MS > now_ms + 1:
            end_ms = min(open_ms + HOUR_MS, now_ms + 1)
            start_ms = max(open_ms, begin_ms)
            bars.append(series.bar_between(start_ms, end_ms, begin_ms, end_ms - start_ms))
        else:
            bars.append(series.closed_bar(open_ms))
    return merge_bars(bars, begin_ms, DAY_MS) if bars else None


class MiniTickers:
    """Mini tickers of the streams that somebody listens to; others cost nothing.

    Args:
        series: by symbol.
        hub: who listens.
        clock: the exchange's.
        interval_s: wall seconds between updates.
        is_listed: whether the exchange knows a symbol.
    """

    def __init__(
        self,
        series: Mapping[str, Series],
        hub: Hub,
        clock: Clock,
        interval_s: float,
        is_listed: Callable[[str], bool],
    ) -> None:
        self._series = series
        self._hub = hub
        self._clock = clock
        self._interval_s = interval_s
        self._is_listed = is_listed
        self._shown: dict[str, Bar] = {}

    async def run(self) -> None:
        """Publish for ever, from the start of the clock on."""
        await self._clock.started()
        while True:
            await asyncio.sleep(self._interval_s)
            symbols = self._heard()
            if symbols:
                now_ms = self._clock.now_ms()
                bars = await asyncio.to_thread(self._bars, symbols, now_ms)
                self._publish(bars, now_ms)

    def _heard(self) -> list[str]:
        is_all = any(self._hub.has_listeners(name) for name in ALL_TICKERS)
        return [
            symbol
            for symbol in self._series
            if (is_all or self._hub.has_listeners(ticker_stream(symbol)))
            and self._is_listed(symbol)
        ]

    def _bars(self, symbols: list[str], now_ms: int) -> dict[str, Bar]:
        found = {symbol: rolling_day(self._series[symbol], now_ms) for symbol in symbols}
        return {symbol: bar for symbol, bar in found.items() if bar is not None}

    def _publish(self, bars: dict[str, Bar], now_ms: int) -> None:
        changed = []
        for symbol, bar in bars.items():
            listing = self._series[symbol].listing
            payload = mini_ticker(listing, bar, now_ms)
            self._hub.publish(ticker_stream(symbol), payload)
            before = self._shown.get(symbol)
            if before is None or _values(before) != _values(bar):
                changed.append(payload)
            self._shown[symbol] = bar
        if changed:
            for name in ALL_TICKERS:
                self._hub.publish(name, b"[" + b",".join(changed) + b"]")
        self._hub.flush()


def _values(bar: Bar) -> tuple[int, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote
