"""One symbol's trades and hours, as REST and the streams see them.

A series is a row of consecutive hours from `first_open_ms` on. What a caller may see ends at a
moment that the caller passes in: nothing here knows a clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.names import HOUR_MS, hour_open_ms
from exchange.bars import Bar, HourState, IntArray, flat_bar
from exchange.listings import Listing


@dataclass(frozen=True, slots=True)
class HourTrades:
    """Trades of one hour, in order of id. `order_ends` are positions past each taker order's last.

    Orders are what the exchange calls aggregate trades; their ids are consecutive from
    `first_order_id`.
    """

    open_ms: int
    trade_id: IntArray
    price: IntArray
    quantity: IntArray
    time_ms: IntArray
    buyer_is_maker: npt.NDArray[np.bool_]
    order_ends: IntArray
    first_order_id: int

    def seen(self, now_ms: int) -> int:
        """Return how many of the trades have happened by ``now_ms``."""
        return int(np.searchsorted(self.moments(), now_ms, side="right"))

    def moments(self) -> IntArray:
        """Return when each trade is known: its time, but never before an earlier id's."""
        known: IntArray = np.maximum.accumulate(self.time_ms)
        return known

    def first(self, count: int) -> HourTrades:
        """Return the first ``count`` trades alone; an order that goes on after them ends there."""
        ends = self.order_ends[: int(np.searchsorted(self.order_ends, count, side="right"))]
        if count and (not len(ends) or ends[-1] < count):
            ends = np.append(ends, count)
        return HourTrades(
            self.open_ms,
            self.trade_id[:count],
            self.price[:count],
            self.quantity[:count],
            self.time_ms[:count],
            self.buyer_is_maker[:count],
            ends,
            self.first_order_id,
        )

    def bar(self, begin: int, end: int, open_ms: int, span_ms: int) -> Bar:
        """Return the bar of trades ``begin`` to ``end`` (exclusive, at least one)."""
        price, quantity = self.price[begin:end], self.quantity[begin:end]
        amounts = price * quantity
        bought = ~self.buyer_is_maker[begin:end]
        return Bar(
            open_ms,
            int(price[0]),
            int(price.max()),
            int(price.min()),
            int(price[-1]),
            int(quantity.sum()),
            int(amounts.sum()),
            end - begin,
            int(quantity[bought].sum()),
            int(amounts[bought].sum()),
            int(self.trade_id[begin]),
            int(self.trade_id[end - 1]),
            span_ms,
        )


class Series(ABC):
    """Hours of one symbol, from synthetic, recorded or captured trades."""

    listing: Listing
    first_open_ms: int
    # Hours whose volume, count or quote volume could only nearly be met by trades.
    adjusted_hours: int = 0
    # Grows when hours change that somebody may have read already.
    version: int = 0

    @abstractmethod
    def end_ms(self) -> int | None:
        """Return the end of what will ever be known, or None if the series goes on."""

    @abstractmethod
    def state(self, open_ms: int) -> HourState:
        """Return what the hour is."""

    @abstractmethod
    def closed_bar(self, open_ms: int) -> Bar:
        """Return the bar of a whole hour that is not absent."""

    @abstractmethod
    def trades(self, open_ms: int) -> HourTrades | None:
        """Return the trades of an hour, None where it has none."""

    @abstractmethod
    def hour_of_trade(self, trade_id: int, now_ms: int) -> int:
        """Return the open time of the first hour that may hold this trade id or a later one."""

    @abstractmethod
    def hour_of_order(self, order_id: int, now_ms: int) -> int:
        """Return the open time of the first hour that may hold this order id or a later one."""

    @abstractmethod
    def price_before(self, open_ms: int) -> int:
        """Return the last close before an hour, in ticks."""

    def last_open_ms(self, now_ms: int) -> int:
        """Return the open time of the last hour that exists at ``now_ms``."""
        end = self.end_ms()
        latest = hour_open_ms(now_ms)
        return latest if end is None else min(latest, hour_open_ms(end - 1))

    def bar(self, open_ms: int, now_ms: int) -> Bar | None:
        """Return an hour's bar as far as it is known; None if absent or still to come."""
        if not self.first_open_ms <= open_ms <= self.last_open_ms(now_ms):
            return None
        if now_ms >= open_ms + HOUR_MS:
            return None if self.state(open_ms) is HourState.ABSENT else self.closed_bar(open_ms)
        if self.state(open_ms) is HourState.ABSENT:
            return None
        bar = self.bar_between(open_ms, now_ms + 1, open_ms, HOUR_MS)
        is_unpriced = not bar.trades and not bar.close  # listed in this hour, not yet traded
        return None if is_unpriced else bar

    def bar_between(self, begin_ms: int, end_ms: int, open_ms: int, span_ms: int) -> Bar:
        """Return the bar of the trades in [begin, end), both inside one hour that is not absent."""
        hour = self.trades(hour_open_ms(begin_ms))
        before = self.price_before(hour_open_ms(begin_ms))
        if hour is None:
            return flat_bar(open_ms, before, span_ms)
        begin, end = (int(x) for x in np.searchsorted(hour.moments(), [begin_ms, end_ms]))
        if begin == end:
            return flat_bar(open_ms, int(hour.price[begin - 1]) if begin else before, span_ms)
        return hour.bar(begin, end, open_ms, span_ms)

    def hours_from(self, open_ms: int, now_ms: int) -> Iterator[tuple[HourTrades, int]]:
        """Yield (trades, number seen) of traded hours from ``open_ms`` on, oldest first."""
        last = self.last_open_ms(now_ms)
        for start in range(max(open_ms, self.first_open_ms), last + 1, HOUR_MS):
            hour = self.trades(start)
            if hour is not None and (seen := hour.seen(now_ms)):
                yield hour, seen

    def hours_back(self, open_ms: int, now_ms: int) -> Iterator[tuple[HourTrades, int]]:
        """Yield (trades, number seen) of traded hours from ``open_ms`` back, newest first."""
        begin = min(open_ms, self.last_open_ms(now_ms))
        for start in range(begin, self.first_open_ms - 1, -HOUR_MS):
            hour = self.trades(start)
            if hour is not None and (seen := hour.seen(now_ms)):
                yield hour, seen
