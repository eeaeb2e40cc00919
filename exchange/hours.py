"""The exchange's hours: a table of bar targets that grows, and the trades made from it on demand.

Trade ids are the running sum of the hours' counts, so an hour is made again from its seed alone;
only a few expanded hours are kept. What is still to come may be changed while the exchange runs: a
burst of trades, trading that stops and goes on.
"""

from __future__ import annotations

import bisect
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from threading import RLock
from zlib import crc32

import numpy as np

from conf.names import HOUR_MS, hour_open_ms
from exchange.bars import Bar, BarTarget, HourState, flat_bar
from exchange.extras import NO_EXTRAS, HourExtras, burst_orders, jump_position, with_burst
from exchange.listings import Listing
from exchange.series import HourTrades, Series
from exchange.synthesis import HourOrders, feasible, order_count, split, synthesise

FIRST_ID = 1
KEPT_HOURS = 6
_SEARCHED_HOURS = 100
_ORDERS_STREAM, _SPLIT_STREAM = 0, 1


class TargetSource(ABC):
    """Where a symbol's bar targets come from, hour after hour."""

    @abstractmethod
    def target(self, hour: int) -> BarTarget | HourState | None:
        """Return the target of the n-th hour, QUIET or ABSENT, or None past the end."""


class TargetSeries(Series):
    """A symbol whose trades are synthesised from bar targets.

    Args:
        listing: the symbol.
        source: its bar targets; asked in order of the hours, again only for hours that changed.
        seed: of the trades.
        first_open_ms: open time of hour 0, UTC epoch ms.
        extras: what single hours, counted from hour 0, have beyond their target.
    """

    def __init__(
        self,
        listing: Listing,
        source: TargetSource,
        seed: int,
        first_open_ms: int,
        extras: Mapping[int, HourExtras] | None = None,
    ) -> None:
        self.listing = listing
        self.first_open_ms = first_open_ms
        self._source = source
        self._seed = (seed, crc32(listing.symbol.encode()))
        self._targets: list[BarTarget | HourState] = []
        self._first_ids = [FIRST_ID]
        self._first_orders = [FIRST_ID]
        self._closes: list[int] = []
        self._bars: dict[int, Bar] = {}
        self._kept: OrderedDict[int, HourTrades] = OrderedDict()
        self._end: int | None = None
        self._extras = dict(extras or {})
        self._cut: dict[int, int] = {}  # trades of an hour in which trading stopped
        self._pause: HourState | None = None
        # REST answers from worker threads while the player reads on the event loop.
        self._lock = RLock()

    def end_ms(self) -> int | None:
        """Return the end of the targets, once it was met."""
        return None if self._end is None else self.first_open_ms + self._end * HOUR_MS

    def state(self, open_ms: int) -> HourState:
        """Return what the hour is; absent past the end."""
        target = self._target(self._index(open_ms))
        return target if isinstance(target, HourState) else HourState.TRADED

    def closed_bar(self, open_ms: int) -> Bar:
        """Return the bar of a whole hour that is not absent; made once, then kept."""
        index = self._index(open_ms)
        bar = self._bars.get(index)
        if bar is None:
            target = self._target(index)
            if isinstance(target, HourState):
                bar = flat_bar(open_ms, self._closes[index])
            elif index in self._cut:
                hour = self.trades(open_ms)
                assert hour is not None
                bar = hour.bar(0, len(hour.price), open_ms, HOUR_MS)
            else:
                bar = self._whole_bar(index, target)
            self._bars[index] = bar
        return bar

    def _whole_bar(self, index: int, target: BarTarget) -> Bar:
        orders = self._orders(index, target)
        extras = self._extras.get(index, NO_EXTRAS)
        bar = orders.bar(self._first_ids[index])
        self.adjusted_hours += target.quote is not None and target.quote != bar.quote
        if extras is NO_EXTRAS:
            return bar
        orders = with_burst(orders, extras.burst)
        bar = orders.bar(self._first_ids[index])
        jumps_first = jump_position(orders) == 0
        return replace(
            bar,
            first_id=bar.first_id + extras.absent_ids * jumps_first,
            last_id=bar.last_id + extras.absent_ids,
        )

    def trades(self, open_ms: int) -> HourTrades | None:
        """Return the trades of an hour, None where it has none."""
        index = self._index(open_ms)
        target = self._target(index)
        if isinstance(target, HourState):
            return None
        with self._lock:
            kept = self._kept.get(index)
            if kept is not None:
                self._kept.move_to_end(index)
                return kept
            kept = self._kept[index] = self._expand(index, target)
            while len(self._kept) > KEPT_HOURS:
                self._kept.popitem(last=False)
        return kept

    def hour_of_trade(self, trade_id: int, now_ms: int) -> int:
        """Return the open time of the hour that holds this trade id, or of the one at now."""
        return self._hour_of(self._first_ids, trade_id, now_ms)

    def hour_of_order(self, order_id: int, now_ms: int) -> int:
        """Return the open time of the hour that holds this order id, or of the one at now."""
        return self._hour_of(self._first_orders, order_id, now_ms)

    def price_before(self, open_ms: int) -> int:
        """Return the last close before an hour; before the first one, its open."""
        index = self._index(open_ms)
        if index > 0:
            self._target(index - 1)
            return self._closes[index - 1]
        target = self._target(0)
        return self._closes[0] if isinstance(target, HourState) else target.open

    def add_burst(self, now_ms: int, count: int) -> int | None:
        """Put ``count`` trades within a second into the next hour after now that trades.

        Returns:
            The open time of that hour, None if none of the next hundred trades.
        """
        with self._lock:
            following = self._index(hour_open_ms(now_ms)) + 1
            for index in range(following, following + _SEARCHED_HOURS):
                if isinstance(self._planned(index), BarTarget):
                    extras = self._extras.get(index, NO_EXTRAS)
                    self._extras[index] = replace(extras, burst=extras.burst + count)
                    self._unmake(following)
                    return self.first_open_ms + index * HOUR_MS
        return None

    def stop_trading(self, now_ms: int, state: HourState) -> None:
        """Let no trade happen after now; the hours to come are quiet or absent."""
        with self._lock:
            index = self._index(hour_open_ms(now_ms))
            open_ms = self.first_open_ms + index * HOUR_MS
            hour = self.trades(open_ms)
            self._unmake(index + 1)
            self._pause = state
            if hour is not None:
                self._cut_short(index, hour.first(hour.seen(now_ms)))

    def resume_trading(self, now_ms: int) -> int:
        """Let trades happen again from the next hour on; return its open time."""
        with self._lock:
            following = self._index(hour_open_ms(now_ms)) + 1
            self._pause = None
            self._unmake(following)
        return self.first_open_ms + following * HOUR_MS

    def _cut_short(self, index: int, hour: HourTrades) -> None:
        kept = len(hour.price)
        self._bars.pop(index, None)
        if kept:
            self._cut[index] = kept
            self._kept[index] = hour
            self._closes[index] = int(hour.price[-1])
            self._first_ids[index + 1] = int(hour.trade_id[-1]) + 1
        else:
            assert self._pause is not None
            self._targets[index] = self._pause
            self._kept.pop(index, None)
            self._closes[index] = self.price_before(hour.open_ms)
            self._first_ids[index + 1] = self._first_ids[index]
        self._first_orders[index + 1] = self._first_orders[index] + len(hour.order_ends)

    def _unmake(self, index: int) -> None:
        """Forget hours that nobody was shown yet, so that they are made anew."""
        self.version += 1
        if index >= len(self._targets):
            return
        del self._targets[index:], self._closes[index:]
        del self._first_ids[index + 1 :], self._first_orders[index + 1 :]
        for made in (self._bars, self._kept):
            for hour in [hour for hour in made if hour >= index]:
                del made[hour]

    def _planned(self, index: int) -> BarTarget | HourState | None:
        target = self._source.target(index)
        is_stopped = self._pause is not None and target is not None
        # An hour without a kline stays one, however trading was stopped.
        return self._pause if is_stopped and target is not HourState.ABSENT else target

    def _hour_of(self, firsts: list[int], wanted: int, now_ms: int) -> int:
        self._target(self._index(self.last_open_ms(now_ms)))
        index = max(bisect.bisect_right(firsts, wanted) - 1, 0)
        return self.first_open_ms + index * HOUR_MS

    def _index(self, open_ms: int) -> int:
        return (open_ms - self.first_open_ms) // HOUR_MS

    def _target(self, index: int) -> BarTarget | HourState:
        if len(self._targets) <= index and self._end is None:
            with self._lock:
                while len(self._targets) <= index and self._end is None:
                    self._append(self._planned(len(self._targets)))
        return self._targets[index] if 0 <= index < len(self._targets) else HourState.ABSENT

    def _append(self, target: BarTarget | HourState | None) -> None:
        if target is None:
            self._end = len(self._targets)
            return
        trades = orders = 0
        close = self._closes[-1] if self._closes else 0
        if isinstance(target, BarTarget):
            exact = feasible(target)
            self.adjusted_hours += (exact.volume, exact.trades) != (target.volume, target.trades)
            target, close, trades = exact, exact.close, exact.trades
            extras = self._extras.get(len(self._targets), NO_EXTRAS)
            orders = order_count(trades, exact.needed) + burst_orders(extras.burst)
            trades += extras.burst + extras.absent_ids
        self._closes.append(close)
        self._first_ids.append(self._first_ids[-1] + trades)
        self._first_orders.append(self._first_orders[-1] + orders)
        self._targets.append(target)  # last: a reader without the lock goes by its length

    def _orders(self, index: int, target: BarTarget) -> HourOrders:
        # The hour's own time, not its index, so that a longer past leaves later draws alone.
        open_ms = self.first_open_ms + index * HOUR_MS
        rng = np.random.default_rng([*self._seed, open_ms // HOUR_MS, _ORDERS_STREAM])
        return synthesise(target, open_ms, rng)

    def _expand(self, index: int, target: BarTarget) -> HourTrades:
        extras = self._extras.get(index, NO_EXTRAS)
        orders = with_burst(self._orders(index, target), extras.burst)
        rng = np.random.default_rng([*self._seed, orders.open_ms // HOUR_MS, _SPLIT_STREAM])
        owner, quantity = split(orders, rng)
        first = self._first_ids[index]
        trade_id = np.arange(first, first + len(owner), dtype=np.int64)
        trade_id[jump_position(orders) :] += extras.absent_ids
        hour = HourTrades(
            orders.open_ms,
            trade_id,
            orders.price[owner],
            quantity,
            orders.time_ms[owner],
            orders.buyer_is_maker[owner],
            np.cumsum(orders.fills),
            self._first_orders[index],
        )
        return hour.first(self._cut[index]) if index in self._cut else hour


class SwitchingSource(TargetSource):
    """Targets of one source up to an hour, of another after it, with some live hours overridden.

    Args:
        past: hours 0 to ``switch`` - 1.
        live: hours from ``switch`` on, counted from 0 again.
        switch: number of past hours.
        overrides: live hours (counted from 0) that are quiet or absent instead.
    """

    def __init__(
        self,
        past: TargetSource,
        live: TargetSource | None,
        switch: int,
        overrides: Iterable[tuple[int, HourState]] = (),
    ) -> None:
        self._past = past
        self._live = live
        self._switch = switch
        self._overrides = dict(overrides)

    def target(self, hour: int) -> BarTarget | HourState | None:
        """Return the target of the n-th hour."""
        if hour < self._switch:
            return self._past.target(hour)
        target = self._live.target(hour - self._switch) if self._live else None
        return self._overrides.get(hour - self._switch, target) if target is not None else None
