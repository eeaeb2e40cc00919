"""What settings or a test put into single hours: quiet or halted ones, bursts, absent ids. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from conf.standin import StandInSettings
from exchange.bars import HourState
from exchange.errors import StandInError
from exchange.synthesis import HourOrders

_MOST_BURST_ORDERS = 200
_BURST_MS = 999


@dataclass(frozen=True, slots=True)
class HourExtras:
    """What an hour has beyond its target.

    `burst` trades within one second in its middle, which leave open, high, low and close alone;
    `absent_ids`: by how many its trade ids jump in the middle.
    """

    burst: int = 0
    absent_ids: int = 0


NO_EXTRAS = HourExtras()


def burst_orders(count: int) -> int:
    """Return how many taker orders a burst of so many trades has."""
    return min(count, _MOST_BURST_ORDERS)


def with_burst(orders: HourOrders, count: int) -> HourOrders:
    """Return an hour's orders with a burst of ``count`` single-step trades after the middle one.

    They have its price and lie within the second after it, before the next order.
    """
    if count == 0:
        return orders
    middle = (len(orders.price) - 1) // 2
    number = burst_orders(count)
    fills = np.full(number, count // number, dtype=np.int64)
    fills[: count % number] += 1
    begin = int(orders.time_ms[middle])
    end = begin + _BURST_MS
    if middle + 1 < len(orders.time_ms):
        end = min(end, int(orders.time_ms[middle + 1]))
    times = np.linspace(begin, max(end, begin), number).astype(np.int64)
    at = middle + 1
    return replace(
        orders,
        price=np.insert(orders.price, at, np.full(number, orders.price[middle])),
        quantity=np.insert(orders.quantity, at, fills),
        fills=np.insert(orders.fills, at, fills),
        time_ms=np.insert(orders.time_ms, at, times),
        buyer_is_maker=np.insert(orders.buyer_is_maker, at, np.arange(number) % 2 == 0),
    )


def jump_position(orders: HourOrders) -> int:
    """Return before which of an hour's trades its ids jump: between two orders in the middle."""
    if len(orders.fills) < 2:
        return 0
    return int(orders.fills[: len(orders.fills) // 2].sum())


def live_overrides(settings: StandInSettings, symbol: str) -> list[tuple[int, HourState]]:
    """Return the live hours that settings make quiet or absent for a symbol.

    Raises:
        StandInError: if an entry is not SYMBOL:N.
    """
    quiet = _parsed("QUIET_HOURS", settings.quiet_hours, 1)
    halted = _parsed("HALTED_HOURS", settings.halted_hours, 1)
    wanted = [(name, hour, HourState.QUIET) for name, (hour,) in quiet]
    wanted += [(name, hour, HourState.ABSENT) for name, (hour,) in halted]
    return [(hour, state) for name, hour, state in wanted if name in ("*", symbol)]


def live_extras(settings: StandInSettings, symbol: str, first_live: int) -> dict[int, HourExtras]:
    """Return what settings add to a symbol's hours, by hour; ``first_live`` is live hour 0.

    Raises:
        StandInError: if an entry is not SYMBOL:N:COUNT.
    """
    bursts: Counter[int] = Counter()
    jumps: Counter[int] = Counter()
    for counts, name, entries in (
        (bursts, "BURSTS", settings.bursts),
        (jumps, "ABSENT_IDS", settings.absent_ids),
    ):
        for listed, (hour, count) in _parsed(name, entries, 2):
            if listed in ("*", symbol):
                counts[first_live + hour] += count
    return {hour: HourExtras(bursts[hour], jumps[hour]) for hour in bursts.keys() | jumps.keys()}


def abort_points(settings: StandInSettings, symbols: Sequence[str]) -> list[tuple[str, int]]:
    """Return the (symbol, trade id) after which settings abort every websocket.

    Raises:
        StandInError: if an entry is not SYMBOL:ID, or its symbol is not listed.
    """
    points = [(name, number) for name, (number,) in _parsed("ABORT_AT", settings.abort_at, 1)]
    for name, _ in points:
        if name not in symbols:
            message = f"NEXTHOUR_STANDIN_ABORT_AT: {name} is not listed; {', '.join(symbols)} are"
            raise StandInError(message)
    return points


def _parsed(setting: str, entries: Sequence[str], numbers: int) -> list[tuple[str, list[int]]]:
    rows = []
    for entry in entries:
        name, *parts = entry.split(":")
        if not name or len(parts) != numbers or not all(part.isdecimal() for part in parts):
            form = {"ABORT_AT": "SYMBOL:ID"}.get(setting, "SYMBOL:N" + ":COUNT" * (numbers - 1))
            message = f"NEXTHOUR_STANDIN_{setting}: {entry!r} is not {form}"
            raise StandInError(message)
        rows.append((name, [int(part) for part in parts]))
    return rows
