"""Asks the exchange for its past: all symbols at once, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
import structlog

from conf.names import DAY_HOURS, HOUR_MS, hour_open_ms
from producers.listing import PATH, check_symbols, refuse_unknown
from producers.rest_client import RestClient
from streaming.history.klines import (
    PAGE_HOURS,
    Bar,
    Listing,
    closed_bars,
    page_starts,
    parse_listing,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class History:
    """What the exchange says of its past."""

    listings: list[Listing]
    bars: dict[str, list[Bar]]


async def fetch_history(
    rest: RestClient,
    symbols: Sequence[str],
    days: int,
    rest_url: str,
    on_symbol: Callable[[str, int], None] = lambda *_: None,
) -> History:
    """Return listings and closed hourly bars of the days before the exchange's time.

    Args:
        rest: an open client.
        symbols: upper case, in the order of the settings.
        days: how far back.
        rest_url: named in errors.
        on_symbol: told a symbol and its number of bars as soon as they are there.

    Raises:
        StartupError: naming an unknown symbol, or if the exchange does not answer.
        RestError: if it stops answering.
        ContractError: if a listing cannot be read.
    """
    refuse_unknown(await check_symbols(rest, symbols, rest_url), rest_url)
    now_ms = await rest.server_time_ms()
    end_ms = hour_open_ms(now_ms)
    start_ms = end_ms - days * DAY_HOURS * HOUR_MS

    async def one(symbol: str) -> list[Bar]:
        pages = await asyncio.gather(
            *(rest.klines(symbol, page, PAGE_HOURS) for page in page_starts(start_ms, end_ms))
        )
        bars, rejected = closed_bars((row for page in pages for row in page), start_ms, now_ms)
        for reason in rejected:
            log.warning("kline rejected", symbol=symbol, reason=reason)
        on_symbol(symbol, len(bars))
        return bars

    listings, series = await asyncio.gather(
        _listings(rest, symbols), asyncio.gather(*(one(symbol) for symbol in symbols))
    )
    return History(listings, dict(zip(symbols, series, strict=True)))


async def _listings(rest: RestClient, symbols: Sequence[str]) -> list[Listing]:
    answer = await rest.get(PATH, {"symbols": orjson.dumps(list(symbols)).decode()})
    found = {row["symbol"]: parse_listing(row) for row in answer["symbols"]}
    return [found[symbol] for symbol in symbols]
