"""Symbols that the exchange replaced by others: data, so that nothing is ever spliced silently.

The old and the new symbol stay two series. Who wants one for training builds it from a row here and
leaves the hours between absent. Sources: the announcement of Polygon's token upgrade and secondary
reports of it; times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """One replacement.

    Attributes:
        old: symbol that ended.
        new: symbol that took its place.
        old_ended: end of trading of the old one, UTC.
        new_began: begin of trading of the new one, UTC.
        ratio: units of the new asset for one of the old.
    """

    old: str
    new: str
    old_ended: datetime
    new_began: datetime
    ratio: Decimal


SYMBOL_CHANGES = (
    SymbolChange(
        "MATICUSDT",
        "POLUSDT",
        datetime(2024, 9, 10, 3, tzinfo=UTC),
        datetime(2024, 9, 13, 10, tzinfo=UTC),
        Decimal(1),
    ),
)
_BY_OLD = {change.old: change for change in SYMBOL_CHANGES}


def successor_hint(symbol: str) -> str:
    """Return a sentence on what replaced a symbol, for people; empty if nothing is known to have."""
    change = _BY_OLD.get(symbol)
    if change is None:
        return ""
    return (
        f"{symbol} ended on {change.old_ended:%Y-%m-%d %H:%M} UTC and goes on as {change.new} "
        f"since {change.new_began:%Y-%m-%d %H:%M} UTC, {change.ratio}:1"
    )
