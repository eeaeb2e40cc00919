"""What the exchange itself says of closed hours: its klines over REST, paced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from conf.contracts.trades import Close
from conf.names import HOUR_MS
from conf.producer import ProducerSettings
from producers.messages import rest_kline
from producers.rest_client import RestClient
from streaming.reconcile.compare import Figures, Key
from streaming.reconcile.ranges import HourRange

PAGE_HOURS = 1000
# A running producer fills its holes from the same allowance of the exchange per minute.
WEIGHT_SHARE = 0.5


def rest_settings() -> ProducerSettings:
    """Return how a job asks the exchange beside a running producer."""
    return ProducerSettings().model_copy(update={"rest_weight_share": WEIGHT_SHARE})


async def klines_of(rest: RestClient, symbol: str, hours: HourRange) -> dict[int, Close]:
    """Return the exchange's hours of a range by open time; halted ones are absent.

    Args:
        rest: an open client.
        symbol: upper case.
        hours: closed ones.

    Raises:
        RestError: if the exchange does not answer.
        BadMessage: if it answers with something that is no kline.
    """
    found: dict[int, Close] = {}
    for page_ms in range(hours.from_ms, hours.until_ms, PAGE_HOURS * HOUR_MS):
        limit = min(PAGE_HOURS, (hours.until_ms - page_ms) // HOUR_MS)
        for row in await rest.klines(symbol, page_ms, limit):
            kline = rest_kline(row, symbol)
            if kline.open_time_ms in hours:
                found[kline.open_time_ms] = kline
    return found


async def exchange_figures(
    rest: RestClient,
    symbols: Sequence[str],
    hours: HourRange,
    on_symbol: Callable[[str], None] = lambda _: None,
) -> dict[Key, Figures]:
    """Return the exchange's closed hours of all symbols; errors as `klines_of`."""

    async def one(symbol: str) -> dict[Key, Figures]:
        klines = await klines_of(rest, symbol, hours)
        on_symbol(symbol)
        return {(symbol, hour): Figures.from_kline(kline) for hour, kline in klines.items()}

    parts = await asyncio.gather(*(one(symbol) for symbol in symbols))
    return {key: figures for part in parts for key, figures in part.items()}
