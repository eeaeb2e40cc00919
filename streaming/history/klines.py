"""The exchange's answers → bars and listings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from conf.contracts.errors import ContractError
from conf.names import HOUR_MS

PAGE_HOURS = 1000

# Units of a time by its magnitude: each range is 2001 to 5138 in its unit, and they do not overlap.
_PER_SECOND = (1_000, 1_000_000, 1, 1_000_000_000)
_FIRST_S, _END_S = 10**9, 10**11
# Far beyond any price or volume; a number with more digits would be no number but an attack on
# whoever writes it out.
_LARGEST_EXPONENT, _MOST_DECIMALS = 20, 18


@dataclass(frozen=True, slots=True)
class Bar:
    """One closed hour as a source of history says it. Prices and volumes exact.

    The exchange's own sources know every figure. A folder of recorded hours may not: what it does
    not know is None, never 0; the close is always known.
    """

    open_time_ms: int
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal
    volume: Decimal | None
    quote_volume: Decimal | None
    taker_buy_volume: Decimal | None
    taker_buy_quote_volume: Decimal | None
    trades: int | None


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
    """Return the bar of a kline, its times in seconds, ms, µs or ns.

    Raises:
        ContractError: if it is no hourly bar: misaligned, not a number, or impossible.
    """
    try:
        open_ms = hour_of(int(row[0]), int(row[6]))
        bar = Bar(
            open_time_ms=open_ms,
            open=_number(row[1]),
            high=_number(row[2]),
            low=_number(row[3]),
            close=_number(row[4]),
            volume=_number(row[5]),
            quote_volume=_number(row[7]),
            taker_buy_volume=_number(row[9]),
            taker_buy_quote_volume=_number(row[10]),
            trades=int(row[8]),
        )
    except ContractError:
        raise
    except (IndexError, KeyError, TypeError, ValueError, InvalidOperation) as error:
        message = f"no kline: {error!r}"
        raise ContractError(message) from error
    require_possible(bar)
    return bar


def hour_of(open_time: int, close_time: int | None) -> int:
    """Return the open time of an hour in ms from its times in any unit.

    Args:
        open_time: first moment, since 1970 UTC, in s, ms, µs or ns; which one shows in its size.
        close_time: last moment of the hour in the same unit, None if a source has none.

    Raises:
        ContractError: if it is no time, no full hour, or closes elsewhere.
    """
    for per_second in _PER_SECOND:
        if _FIRST_S * per_second <= open_time < _END_S * per_second:
            break
    else:
        message = f"{open_time} is no time in s, ms, µs or ns"
        raise ContractError(message)
    hour = 3600 * per_second
    if open_time % hour:
        message = f"misaligned: {open_time} is no whole hour"
        raise ContractError(message)
    if close_time is not None and close_time != open_time + hour - 1:
        message = f"wrong close time: {open_time}..{close_time} is no whole hour"
        raise ContractError(message)
    return open_time // hour * HOUR_MS


def require_possible(bar: Bar) -> None:
    """Demand that a bar can be true: what is known of it contradicts nothing.

    Raises:
        ContractError: saying which rule it breaks.
    """
    prices = (bar.open, bar.high, bar.low, bar.close)
    known = [price for price in prices if price is not None]
    if min(known) <= 0:
        _impossible(bar, "a price is not above 0")
    if bar.high is not None and bar.high < max(known):
        _impossible(bar, "high is not the highest")
    if bar.low is not None and bar.low > min(known):
        _impossible(bar, "low is not the lowest")
    amounts = (bar.volume, bar.quote_volume, bar.taker_buy_volume, bar.taker_buy_quote_volume)
    if any(amount is not None and amount < 0 for amount in amounts) or (bar.trades or 0) < 0:
        _impossible(bar, "a volume or the count is negative")
    if _exceeds(bar.taker_buy_volume, bar.volume) or _exceeds(
        bar.taker_buy_quote_volume, bar.quote_volume
    ):
        _impossible(bar, "more was bought by takers than traded")


def _exceeds(part: Decimal | None, whole: Decimal | None) -> bool:
    return part is not None and whole is not None and part > whole


def _impossible(bar: Bar, why: str) -> None:
    figures = (bar.open, bar.high, bar.low, bar.close)
    shown = ", ".join("unknown" if figure is None else str(figure) for figure in figures)
    message = f"impossible: {why} (o h l c {shown})"
    raise ContractError(message)


def _number(text: Any) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        message = f"{text!r} is not finite"
        raise ValueError(message)
    _, _, exponent = number.as_tuple()
    if number.adjusted() > _LARGEST_EXPONENT or int(exponent) < -_MOST_DECIMALS:
        message = f"{text!r} is out of all bounds"
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
