"""Compare final candles of several stores with the exchange's book, digit for digit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from conf.contracts.candles import DECIMAL_FIELDS, Candle
from conf.contracts.trades import Close, unscaled

Key = tuple[str, int]
"""Symbol and open time in UTC epoch ms."""

ID_FIELDS = ("first_trade_id", "last_trade_id")
FIGURES = (*DECIMAL_FIELDS, "trades", *ID_FIELDS)


@dataclass(frozen=True)
class Figures:
    """One hour of one symbol as the exchange has it; ids are None in a quiet hour.

    `has_ids` is False if the ids are not known: REST klines have none.
    """

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal
    trades: int
    first_trade_id: int | None
    last_trade_id: int | None
    has_ids: bool = True

    @classmethod
    def from_book(cls, row: Mapping[str, Any]) -> Figures:
        """Read a row of the stand-in exchange's oracle (decimal strings, ids -1 when quiet)."""
        values: dict[str, Any] = {name: Decimal(str(row[name])) for name in DECIMAL_FIELDS}
        values["trades"] = int(row["trades"])
        for name in ID_FIELDS:
            values[name] = None if int(row[name]) < 0 else int(row[name])
        return cls(**values)

    @classmethod
    def from_kline(cls, kline: Close) -> Figures:
        """Read an hour of REST klines, which have no ids."""
        prices, volumes = DECIMAL_FIELDS[:4], DECIMAL_FIELDS[4:]
        values: dict[str, Any] = {name: unscaled(getattr(kline, name)) for name in prices}
        values |= {name: Decimal(getattr(kline, name)) for name in volumes}
        values |= dict.fromkeys(ID_FIELDS)
        return cls(**values, trades=kline.trades or 0, has_ids=False)


@dataclass
class Comparison:
    """Outcome of a comparison; `differences` holds one readable line each."""

    expected: int = 0
    per_store: dict[str, int] = field(default_factory=dict)
    equal: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def is_green(self) -> bool:
        """Every expected candle is in every store, equal, and nothing else is."""
        return not self.differences


def newest_revisions(candles: Iterable[Candle]) -> dict[Key, Candle]:
    """Keep the highest revision of each symbol and hour."""
    newest: dict[Key, Candle] = {}
    for candle in candles:
        key = (candle.symbol, candle.open_time_ms)
        if key not in newest or candle.revision > newest[key].revision:
            newest[key] = candle
    return newest


def compare(book: Mapping[Key, Figures], stores: Mapping[str, Mapping[Key, Candle]]) -> Comparison:
    """Compare every store with the book and thereby with each other.

    Args:
        book: the exchange's closed hours that must be there, complete.
        stores: final candles of each store, by its name.
    """
    result = Comparison(expected=len(book))
    for store, candles in stores.items():
        result.per_store[store] = len(candles)
        result.equal[store] = 0
        for key in sorted(book.keys() | candles.keys()):
            difference = _difference(key, book.get(key), candles.get(key))
            if difference is None:
                result.equal[store] += 1
            else:
                result.differences.append(f"{store}: {difference}")
    result.differences.extend(_between_stores(stores))
    return result


def _difference(key: Key, figures: Figures | None, candle: Candle | None) -> str | None:
    name = f"{key[0]} {key[1]}"
    if candle is None:
        return f"{name} is missing"
    if figures is None:
        return f"{name} is not in the exchange's book"
    wrong = [
        f"{field} {getattr(candle, field)} instead of {getattr(figures, field)}"
        for field in FIGURES
        if getattr(candle, field) != getattr(figures, field)
    ]
    if candle.verdict not in ("complete", "quiet"):
        wrong.append(f"verdict {candle.verdict} ({candle.reason})")
    return f"{name}: {', '.join(wrong)}" if wrong else None


def _between_stores(stores: Mapping[str, Mapping[Key, Candle]]) -> list[str]:
    names = list(stores)
    lines = []
    for other in names[1:]:
        for key in sorted(stores[names[0]].keys() & stores[other].keys()):
            first, second = stores[names[0]][key], stores[other][key]
            if first.revision != second.revision or not first.same_content(second):
                lines.append(f"{names[0]} and {other} differ on {key[0]} {key[1]}")
    return lines
