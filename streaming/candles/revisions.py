"""Which revision a final candle gets, from what the `candle` table holds already. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from conf.contracts.candles import Candle
from streaming.candles.verdict import Hour, judge, span

OWN_SOURCE = "trades"
REPAIR_SOURCE = "repair"
OWN_SOURCES = (OWN_SOURCE, REPAIR_SOURCE)
"""Whose candles are in all three stores; loaded history is in Postgres alone."""

HourKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Current:
    """The current row of an hour: its highest revision."""

    candle: Candle
    is_final: bool


@dataclass(frozen=True, slots=True)
class Allotment:
    """Final candles with their revision, split by what the stores must do with them.

    Attributes:
        to_store: new revisions.
        unchanged: current rows that were found again.
        repaired: candles of hours that a repair has rebuilt; the repair stays.
        truncated: candles made of only the end of what the current row was made of; the row stays.
    """

    to_store: list[Candle]
    unchanged: list[Candle]
    repaired: list[Candle]
    truncated: list[Candle]


def key_of(candle: Candle) -> HourKey:
    """Return (symbol, open time in ms)."""
    return (candle.symbol, candle.open_time_ms)


def allot(
    candles: Iterable[Candle], current: Mapping[HourKey, Current], hours: Mapping[HourKey, Hour]
) -> Allotment:
    """Give each final candle its revision.

    No final row yet: revision 1. Same content as the current one: none. Changed content, or a
    current row of history: the next. A repaired hour stays as the repair left it, and an hour of
    which the topic holds only the end stays as it was when the topic held all (`is_truncated`).

    Args:
        candles: final candles of one batch, revision not set.
        current: the table's current rows, read before any store was written.
        hours: what the candles were judged from.
    """
    allotment = Allotment([], [], [], [])
    for candle in candles:
        key = key_of(candle)
        known = current.get(key)
        if known is None or not known.is_final:
            allotment.to_store.append(replace(candle, revision=1))
        elif known.candle.source == REPAIR_SOURCE:
            allotment.repaired.append(candle)
        elif candle.same_content(known.candle):
            allotment.unchanged.append(known.candle)
        elif known.candle.source == OWN_SOURCE and is_truncated(hours[key], known.candle):
            allotment.truncated.append(candle)
        else:
            allotment.to_store.append(replace(candle, revision=known.candle.revision + 1))
    return allotment


def is_truncated(hour: Hour, stored: Candle) -> bool:
    """Tell whether an hour says nothing against a stored candle but lacks records of it.

    So it is after a new checkpoint began to read where the topic's retention had just cut an hour
    in two: what is left is a tail of the records, in the order of ids. That holds if

    - the trades are fewer than the stored ones, each once, begin with a later id, end with the same
      id and price, and no figure of theirs exceeds the stored one; or there are none at all;
    - with the stored figures in place of its own, nothing in the hour (its CLOSE, its gaps, its falls
      of time) disputes them. What was disputed before is not disputed anew by fewer records.

    Any other difference, as a trade after the CLOSE, another witness or a gap that was not known,
    is a change of content.
    """
    if not _is_tail(hour.candle, stored):
        return False
    if not stored.trades:
        # Of two CLOSE records of a quiet hour the first can be missing.
        return replace(judge(hour), witness=stored.witness).same_content(stored)
    if stored.verdict == "disputed":
        return True
    whole = replace(stored, witness=hour.candle.witness)
    absent = max(hour.absent_ids, span(stored) - stored.trades)
    return judge(replace(hour, candle=whole, absent_ids=absent)).verdict != "disputed"


_ADDING_UP = ("trades", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")


def _is_tail(ours: Candle, stored: Candle) -> bool:
    if not ours.trades:
        return True
    ends_alike = (ours.last_trade_id, ours.close) == (stored.last_trade_id, stored.close)
    begins_later = ours.first_trade_id != stored.first_trade_id and _at_most(
        stored.first_trade_id, ours.first_trade_id
    )
    is_inside = _at_most(stored.low, ours.low) and _at_most(ours.high, stored.high)
    is_less = all(_at_most(getattr(ours, name), getattr(stored, name)) for name in _ADDING_UP)
    is_once = ours.trades <= span(ours)
    return ends_alike and begins_later and is_inside and is_less and is_once


def _at_most(less: Decimal | int | None, more: Decimal | int | None) -> bool:
    return less is not None and more is not None and less <= more
