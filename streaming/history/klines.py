"""The exchange's answers → bars and listings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from conf.contracts.errors import ContractError
from conf.names import HOUR_MS

PAGE_HOURS = 1000


@dataclass(frozen=True, slots=True)
class Bar:
    """One closed hour as the exchange's klines say it. Prices and volumes exact."""

    open_time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol as the exchange lists it; tick in quote units, step in base units."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal
    step_size: Decimal


def page_starts(start_ms: int, end_ms: int) -> list[int]:
    """Return where the pages begin that together cover the hours from start to before end."""
    return list(range(start_ms, end_ms, PAGE_HOURS * HOUR_MS))


def parse_bar(row: Sequence[Any]) -> Bar:
    """Return the bar of a kline.

    Raises:
        ContractError: if it is no hourly bar: misaligned, not a number, or impossible.
    """
    try:
        open_ms, close_ms = int(row[0]), int(row[6])
        prices = [_number(row[index]) for index in (1, 2, 3, 4)]
        volumes = [_number(row[index]) for index in (5, 7, 9, 10)]
        trades = int(row[8])
    except (IndexError, KeyError, TypeError, ValueError, InvalidOperation) as error:
        message = f"no kline: {error!r}"
        raise ContractError(message) from error
    if open_ms % HOUR_MS or close_ms != open_ms + HOUR_MS - 1:
        message = f"kline {open_ms}..{close_ms} is no whole hour"
        raise ContractError(message)
    opening, high, low, closing = prices
    if not (0 < low <= min(opening, closing) and max(opening, closing) <= high):
        message = f"kline {open_ms} is impossible: o h l c {', '.join(map(str, prices))}"
        raise ContractError(message)
    if min(volumes) < 0 or trades < 0:
        message = f"kline {open_ms} has a negative volume or count"
        raise ContractError(message)
    volume, quote_volume, taker_buy_volume, taker_buy_quote_volume = volumes
    return Bar(
        open_time_ms=open_ms,
        open=opening,
        high=high,
        low=low,
        close=closing,
        volume=volume,
        quote_volume=quote_volume,
        taker_buy_volume=taker_buy_volume,
        taker_buy_quote_volume=taker_buy_quote_volume,
        trades=trades,
    )


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        message = f"{text!r} is not finite"
        raise ValueError(message)
    return number


def closed_bars(
    rows: Iterable[Sequence[Any]], start_ms: int, now_ms: int
) -> tuple[list[Bar], list[str]]:
    """Return the bars of closed hours from a start on, each hour once, in time order.

    Absent hours stay absent. An hour is closed when its last millisecond lies before the
    exchange's time. Pages may overlap.

    Returns:
        The bars, and one reason per row that is no possible bar.
    """
    bars: dict[int, Bar] = {}
    rejected: list[str] = []
    for row in rows:
        try:
            bar = parse_bar(row)
        except ContractError as error:
            rejected.append(str(error))
            continue
        if start_ms <= bar.open_time_ms and bar.open_time_ms + HOUR_MS <= now_ms:
            bars[bar.open_time_ms] = bar
    return [bars[open_ms] for open_ms in sorted(bars)], rejected


def parse_listing(row: Mapping[str, Any]) -> Listing:
    """Return a symbol of `exchangeInfo`.

    Raises:
        ContractError: if a field or filter is missing.
    """
    try:
        filters = {item["filterType"]: item for item in row["filters"]}
        return Listing(
            symbol=row["symbol"],
            status=row["status"],
            base_asset=row["baseAsset"],
            quote_asset=row["quoteAsset"],
            tick_size=Decimal(filters["PRICE_FILTER"]["tickSize"]),
            step_size=Decimal(filters["LOT_SIZE"]["stepSize"]),
        )
    except (KeyError, TypeError, InvalidOperation) as error:
        message = f"exchangeInfo of {row.get('symbol')}: {error!r}"
        raise ContractError(message) from error
