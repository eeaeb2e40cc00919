"""How an hour's volume is shared among its orders so that price × quantity adds up. Pure.

Every order has at least one step per fill; the other steps, and the prices of the orders that need
not touch open, high, low or close, are free. Let ``spread`` be high - low. With at least one free
order every quote volume between the least and the largest possible one is met exactly: whole
spreads by steps that lie at the high instead of at the low, the rest by the price of one order of a
single step. Without a free order only the sums of steps at open, high, low and close exist, all of
them a multiple of the common divisor of their gaps away from the least one.
"""

from __future__ import annotations

from math import gcd

import numpy as np
import numpy.typing as npt

from exchange.bars import BarTarget, IntArray

BoolArray = npt.NDArray[np.bool_]

_TILT_ROUNDS = 12
_BLOCK = 65_536


def tilted(
    weights: npt.NDArray[np.float64], price: IntArray, fills: IntArray, spare: int, quote: int
) -> npt.NDArray[np.float64]:
    """Return weights bent towards dearer or cheaper orders so that the mean price comes near.

    Args:
        weights: of the orders, positive.
        price: of the orders, ticks, not all equal.
        fills: of the orders; each takes one step at the order's price.
        spare: steps to share by the weights.
        quote: quote volume that all steps should add up to, tick × step units.
    """
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


def free_one(fills: IntArray, is_fixed: BoolArray) -> None:
    """Leave one order that may be priced freely with a single fill, in place.

    Its price then tunes the quote volume by single units, however many fills an order has.
    """
    free = np.flatnonzero(~is_fixed)
    if len(free):
        fills[0] += fills[free[0]] - 1
        fills[free[0]] = 1


def meet_quote(
    target: BarTarget, price: IntArray, quantity: IntArray, fills: IntArray, is_fixed: BoolArray
) -> None:
    """Change free prices, quantities and fills, in place, until the quote volume is met.

    It is met exactly whenever any trades with the target's open, high, low, close, volume and count
    can meet it. Where none can:

    * a flat hour has the only quote volume it can have, price × volume;
    * an hour with an order to price freely has the nearest possible one, the least or the largest;
    * an hour of just the trades that touch open, high, low and close has the nearest multiple of
      their gaps' common divisor if that can be had, otherwise (few steps) one less than a spread
      away, or the least or the largest.

    Args:
        target: a feasible bar with a quote volume.
        price: of the orders, ticks; the fixed ones touch open, high, low and close.
        quantity: of the orders, steps, at least `fills`; adds up to the target's volume.
        fills: of the orders; the first free order has one (see `free_one`).
        is_fixed: which prices must stay.
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
    if missing == 0:
        return
    if tuner < 0:
        _share_between_fixed(target, price, quantity, top, bottom)
    elif 0 < missing < target.high - target.low:
        price[tuner] += missing
    else:
        _pack(target, price, quantity, fills, is_fixed, top, bottom, tuner)


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
        # A surplus that was overshot gives steps back, never more than the end has to spare.
        steps = max(steps, int(fills[end] - quantity[end]))
        quantity[index] -= steps
        quantity[end] += steps
        missing -= steps * gap if is_short else -steps * gap
    return missing


def _pack(
    target: BarTarget,
    price: IntArray,
    quantity: IntArray,
    fills: IntArray,
    is_fixed: BoolArray,
    top: int,
    bottom: int,
    tuner: int,
) -> None:
    """Put all that is free to the high or to the low, in place; one price between meets the rest.

    For a quote volume so near the least or the largest possible one that spare steps alone do not
    reach it: prices and fills of free orders must go to the same end.
    """
    assert target.quote is not None
    spread = target.high - target.low
    others = np.flatnonzero(~is_fixed)
    others = others[others != tuner]
    # The dearest go to the high first, so that the path keeps its shape.
    others = others[np.argsort(-price[others], kind="stable")]
    more_fills = int((fills - 1).sum())
    loose = target.volume - len(price)  # steps beyond one an order; some of them are fills
    price[others] = price[tuner] = target.low
    least = int(price.sum()) + loose * target.low
    above = min(max(target.quote - least, 0), spread * (len(others) + loose + 1))
    at_high = min(above // spread, len(others) + loose)
    price[tuner] += above - at_high * spread
    dear_orders = min(at_high, len(others))
    price[others[:dear_orders]] = target.high
    dear_steps = at_high - dear_orders
    quantity[:] = fills[:] = 1
    quantity[top] += dear_steps
    quantity[bottom] += loose - dear_steps
    fills[top] += min(more_fills, dear_steps)
    fills[bottom] += more_fills - min(more_fills, dear_steps)


def _share_between_fixed(
    target: BarTarget, price: IntArray, quantity: IntArray, top: int, bottom: int
) -> None:
    """Share the volume among single-fill orders that all have fixed prices, in place, if it works.

    The first order is at the open, the last at the close. What they have keeps its order of size
    where that is possible: half of it stays before the rest is shared anew.
    """
    assert target.quote is not None
    spread = target.high - target.low
    first, last = target.open - target.low, target.close - target.low
    steps = target.volume - len(price)
    above = target.quote - int(price.sum()) - steps * target.low
    kept_first = int(quantity[0] - 1) // 2 if 0 < first < spread else 0
    kept_last = int(quantity[-1] - 1) // 2 if 0 < last < spread else 0
    for wanted in _multiples(above, gcd(spread, first, last)):
        for begin, end in ((kept_first, kept_last), (0, 0)):
            shares = _shares(
                wanted - begin * first - end * last, steps - begin - end, spread, first, last
            )
            if shares is None:
                continue
            quantity[:] = 1
            quantity[0] += begin + shares[0]
            quantity[-1] += end + shares[1]
            quantity[top] += shares[2]
            quantity[bottom] += steps - begin - end - sum(shares)
            return


def _multiples(value: int, divisor: int) -> list[int]:
    """Return the value if it is a multiple, otherwise the two around it, the nearer first."""
    over = value % divisor
    if over == 0:
        return [value]
    around = [value - over, value - over + divisor]
    return around if 2 * over <= divisor else around[::-1]


def _shares(
    above: int, steps: int, spread: int, first: int, last: int
) -> tuple[int, int, int] | None:
    """Return how many steps lie at the open, the close and the high; the others lie at the low.

    Their gaps over the low, `first`, `last` and `spread`, then add up to `above`. None if no
    shares do. Exhaustive: as many steps at the close as ``spread / gcd(last, spread)`` can always be
    replaced by as many at high and low with the same sum, so for each number at the open the least
    number at the close that has the right remainder decides; likewise for the open itself.
    """
    short = steps * spread - above  # what all steps at the high have too much
    if above < 0 or short < 0:
        return None
    divisor = gcd(last, spread)
    period = spread // divisor
    inverse = pow(last // divisor, -1, period)
    count = spread // gcd(first, spread)
    if first > 0:
        count = min(count, above // first + 1)
    if first < spread:
        count = min(count, short // (spread - first) + 1)
    for begin in range(0, count, _BLOCK):
        at_open = np.arange(begin, min(begin + _BLOCK, count), dtype=np.int64)
        rest = above - first * at_open
        at_close = rest // divisor % period * inverse % period
        fits = (
            (rest % divisor == 0)
            & (last * at_close <= rest)
            & ((spread - first) * at_open + (spread - last) * at_close <= short)
        )
        if fits.any():
            one = int(fits.argmax())
            at_high = int(rest[one] - last * at_close[one]) // spread
            return int(at_open[one]), int(at_close[one]), at_high
    return None
