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

BoolArray = npt.NDArray[np.bool_]

MOST_ORDERS = 2_048
_ORDERS_PER_TRADE = 0.62
_TILT_ROUNDS = 12


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

    The quote volume is met exactly where some allocation of the volume to prices inside
    [low, high] can meet it, otherwise as nearly as can be.

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
        _free_one(fills, is_fixed)
    weights = np.exp(1.3 * rng.standard_normal(orders))
    spare = target.volume - target.trades
    if target.quote is not None and target.high > target.low:
        weights = _tilted(weights, price, fills, spare, target.quote)
    quantity = fills + _allot(weights, spare)
    if target.quote is not None:
        _meet_quote(target, price, quantity, fills, is_fixed)
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


def _tilted(
    weights: npt.NDArray[np.float64], price: IntArray, fills: IntArray, spare: int, quote: int
) -> npt.NDArray[np.float64]:
    """Return weights bent towards dearer or cheaper orders so that the mean price comes near."""
    if spare <= 0:
        return weights
    wanted = (quote - int((price * fills).sum())) / spare
    low, high = float(price.min()), float(price.max())
    unit = (price - low) / (high - low)
    goal = (wanted - low) / (high - low)
    if not 0.0 < goal < 1.0:
        return weights
    bend = 0.0
    bent = weights
    for _ in range(_TILT_ROUNDS):
        bent = weights * np.exp(np.clip(bend * unit, -60, 60))
        bent /= bent.sum()
        mean = float((bent * unit).sum())
        spread = float((bent * (unit - mean) ** 2).sum())
        if abs(mean - goal) < 1e-9 or spread < 1e-12:
            break
        bend = float(np.clip(bend + (goal - mean) / spread, -40, 40))
    return bent


def _free_one(fills: IntArray, is_fixed: BoolArray) -> None:
    """Leave one order that may be priced freely with a single fill, in place.

    Its price then tunes the quote volume by single units, however many fills an order has.
    """
    free = np.flatnonzero(~is_fixed)
    if len(free):
        fills[0] += fills[free[0]] - 1
        fills[free[0]] = 1


def _meet_quote(
    target: BarTarget, price: IntArray, quantity: IntArray, fills: IntArray, is_fixed: BoolArray
) -> None:
    """Move volume between orders, in place, until price × quantity adds up to the quote volume.

    Volume goes between the cheapest and the dearest order, which changes the sum by their spread
    a step; what is left, less than a spread, is the price of one single-fill order between them.
    """
    assert target.quote is not None
    if target.high == target.low:
        return
    top = int(np.where(is_fixed, price, -1).argmax())
    bottom = int(np.where(is_fixed, price, np.iinfo(np.int64).max).argmin())
    free = np.flatnonzero(~is_fixed & (fills == 1))
    tuner = int(free[quantity[free].argmin()]) if len(free) else -1
    if tuner >= 0:
        quantity[bottom] += quantity[tuner] - 1
        quantity[tuner] = 1
        price[tuner] = target.low
    missing = target.quote - int((price * quantity).sum())
    missing = _shift(missing, price, quantity, fills, top, bottom, tuner)
    spread = target.high - target.low
    if tuner >= 0 and 0 < missing < spread:
        price[tuner] += missing


def _shift(
    missing: int,
    price: IntArray,
    quantity: IntArray,
    fills: IntArray,
    top: int,
    bottom: int,
    tuner: int,
) -> int:
    """Move steps to the top or bottom order, in place; return what is still missing.

    Where the volume allows it, that is at least 0 and less than the spread.
    """
    is_short = missing > 0
    end = top if is_short else bottom
    gaps = np.abs(price - price[end])
    for index in np.argsort(-gaps, kind="stable").tolist():
        gap = int(gaps[index])
        if gap == 0:
            break
        wanted = missing // gap if is_short else -(missing // gap)
        if wanted == 0:
            break
        steps = 0 if index == tuner else min(wanted, int(quantity[index] - fills[index]))
        quantity[index] -= steps
        quantity[end] += steps
        missing -= steps * gap if is_short else -steps * gap
    return missing
