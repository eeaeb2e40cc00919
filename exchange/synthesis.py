"""Trades that add up to a given hourly bar, to the last digit. Pure.

An hour is made in two steps, as on a real market: taker orders (aggregates: one price, one side,
one moment) and the trades with single makers that each order is filled by. A bar needs only the
orders, of which an hour has at most 2,048 whatever its number of trades; the trades are expanded
when somebody asks for them. Prices are whole ticks, quantities whole steps; floats decide only
where a random path goes, never a result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from conf.names import HOUR_MS
from exchange.bars import Bar, BarTarget, IntArray
from exchange.quote_volume import BoolArray, free_one, meet_quote, tilted

MOST_ORDERS = 2_048
_ORDERS_PER_TRADE = 0.62


@dataclass(frozen=True, slots=True)
class HourOrders:
    """Taker orders of one hour in order of time: price, total quantity, number of fills, side."""

    open_ms: int
    price: IntArray
    quantity: IntArray
    fills: IntArray
    time_ms: IntArray
    buyer_is_maker: BoolArray

    def bar(self, first_id: int) -> Bar:
        """Return the bar that these orders add up to; its first trade has ``first_id``."""
        amounts = self.price * self.quantity
        bought = ~self.buyer_is_maker
        trades = int(self.fills.sum())
        return Bar(
            self.open_ms,
            int(self.price[0]),
            int(self.price.max()),
            int(self.price.min()),
            int(self.price[-1]),
            int(self.quantity.sum()),
            int(amounts.sum()),
            trades,
            int(self.quantity[bought].sum()),
            int(amounts[bought].sum()),
            first_id,
            first_id + trades - 1,
        )


def order_count(trades: int, needed: int) -> int:
    """Return how many orders an hour with so many trades has; a spare one beyond ``needed``."""
    count = min(round(trades * _ORDERS_PER_TRADE), MOST_ORDERS)
    return min(max(count, needed + 1), trades)


def feasible(target: BarTarget) -> BarTarget:
    """Return the nearest target that trades can add up to: enough trades, enough volume."""
    trades = max(min(target.trades, target.volume), target.needed)
    volume = max(target.volume, trades)
    if trades == target.trades and volume == target.volume:
        return target
    return replace(target, volume=volume, trades=trades)


def synthesise(target: BarTarget, open_ms: int, rng: np.random.Generator) -> HourOrders:
    """Return orders whose bar is the target: open, high, low, close, volume, count, and quote.

    The quote volume is met exactly whenever any trades with the rest of the bar can meet it; see
    `meet_quote` for when none can, and what it is then.

    Args:
        target: a feasible bar (see `feasible`).
        open_ms: open time of the hour, UTC epoch ms; all times lie inside it.
        rng: the hour's own generator.
    """
    orders = order_count(target.trades, target.needed)
    price, is_fixed = _path(target, orders, rng)
    fills = np.ones(orders, dtype=np.int64)
    extra = target.trades - orders
    if extra > 4 * orders:
        fills += rng.multinomial(extra, np.full(orders, 1 / orders))
    elif extra:
        fills += np.bincount(rng.integers(0, orders, extra), minlength=orders)
    if target.quote is not None:
        free_one(fills, is_fixed)
    weights = np.exp(1.3 * rng.standard_normal(orders))
    spare = target.volume - target.trades
    if target.quote is not None and target.high > target.low:
        weights = tilted(weights, price, fills, spare, target.quote)
    quantity = fills + _allot(weights, spare)
    if target.quote is not None:
        meet_quote(target, price, quantity, fills, is_fixed)
    times = np.sort(rng.integers(0, HOUR_MS, orders)) + open_ms
    change = np.diff(price, prepend=price[0])
    sold = np.where(change == 0, rng.random(orders) < 0.5, change < 0)
    return HourOrders(open_ms, price, quantity, fills, times, sold)


def split(orders: HourOrders, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return (order index, quantity) of each trade; quantities of an order add up to its own."""
    owner = np.repeat(np.arange(len(orders.fills)), orders.fills)
    last = np.cumsum(orders.fills) - 1
    first = last - orders.fills + 1
    running = np.cumsum(rng.exponential(1.0, len(owner)) + 1e-9)
    base = np.where(first > 0, running[first - 1], 0.0)
    share = (running - base[owner]) / (running[last] - base)[owner]
    spare = (orders.quantity - orders.fills)[owner]
    upto = np.minimum(np.floor(share * spare).astype(np.int64), spare)
    upto[last] = spare[last]
    quantity = np.diff(upto, prepend=0)
    quantity[first] = upto[first]
    return owner, quantity + 1


def _allot(weights: npt.NDArray[np.float64], total: int) -> IntArray:
    """Share an integer total by weights; the shares add up exactly."""
    upto = np.floor(np.cumsum(weights) * (total / weights.sum())).astype(np.int64)
    upto = np.minimum(upto, total)
    upto[-1] = total
    return np.diff(upto, prepend=0)


def _path(target: BarTarget, orders: int, rng: np.random.Generator) -> tuple[IntArray, BoolArray]:
    """Return prices from open to close that touch high and low, and which of them are fixed."""
    is_fixed = np.zeros(orders, dtype=bool)
    is_fixed[0] = is_fixed[-1] = True
    price = np.full(orders, target.open, dtype=np.int64)
    if target.high == target.low:
        return price, is_fixed
    top, bottom = max(target.open, target.close), min(target.open, target.close)
    along = np.linspace(0.0, 1.0, orders)
    walk = np.cumsum(rng.standard_normal(orders))
    walk -= walk[0] + along * (walk[-1] - walk[0])
    scale = (target.high - target.low) / max(float(np.ptp(walk)), 1e-9)
    path = target.open + (target.close - target.open) * along + scale * walk
    above, below = path > top, path < bottom
    path[above] = top + _squeezed(path[above] - top, target.high - top)
    path[below] = bottom - _squeezed(bottom - path[below], bottom - target.low)
    price = np.clip(np.rint(path).astype(np.int64), target.low, target.high)
    price[0], price[-1] = target.open, target.close
    if target.high > top:
        peak = int(np.argmax(price[1:-1])) + 1
        price[peak] = target.high
        is_fixed[peak] = True
    if target.low < bottom:
        inner = np.where(is_fixed[1:-1], np.iinfo(np.int64).max, price[1:-1])
        trough = int(np.argmin(inner)) + 1
        price[trough] = target.low
        is_fixed[trough] = True
    return price, is_fixed


def _squeezed(excess: npt.NDArray[np.float64], room: int) -> npt.NDArray[np.float64]:
    return excess * (room / excess.max()) if len(excess) else excess
