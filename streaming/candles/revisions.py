"""Which revision a final candle gets, from what the `candle` table holds already. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from conf.contracts.candles import Candle

OWN_SOURCE = "trades"
REPAIR_SOURCE = "repair"

HourKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Current:
    """The current row of an hour: its highest revision."""

    candle: Candle
    is_final: bool


@dataclass(frozen=True, slots=True)
class Allotment:
    """Final candles with their revision, split by what the stores must do with them."""

    to_store: list[Candle]
    unchanged: list[Candle]
    repaired: list[Candle]


def key_of(candle: Candle) -> HourKey:
    """Return (symbol, open time in ms)."""
    return (candle.symbol, candle.open_time_ms)


def allot(candles: Iterable[Candle], current: Mapping[HourKey, Current]) -> Allotment:
    """Give each final candle its revision.

    No final row yet: revision 1. Same content as the current one: none. Changed content, or a
    current row of history: the next. A repaired hour stays as the repair left it.

    Args:
        candles: final candles of one batch, revision not set.
        current: the table's current rows, read before any store was written.
    """
    allotment = Allotment([], [], [])
    for candle in candles:
        known = current.get(key_of(candle))
        if known is None or not known.is_final:
            allotment.to_store.append(replace(candle, revision=1))
        elif known.candle.source == REPAIR_SOURCE:
            allotment.repaired.append(candle)
        elif candle.same_content(known.candle):
            allotment.unchanged.append(known.candle)
        else:
            allotment.to_store.append(replace(candle, revision=known.candle.revision + 1))
    return allotment
