"""History from the exchange's REST klines, a month a page, paced by the client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from conf.names import HOUR_MS, hour_open_ms
from producers.errors import RestError
from producers.rest_client import RestClient
from streaming.history.cleaning import clean
from streaming.history.klines import parse_bar
from streaming.history.months import Part, months_between
from streaming.history.sources import BackfillError, Chunk, Loaded, Refusal


class RestSource:
    """Closed hours as the exchange tells them now.

    A month has at most 744 hours, fewer than a page's 1,000: one request each, and a month is never
    split over pages. The months before a symbol's listing cost one request together.

    Args:
        rest: an open client.
        bounds: first hour and exclusive end, UTC epoch ms.
        now_ms: the exchange's time; hours that end later are not closed.
    """

    name = "rest-klines"

    def __init__(self, rest: RestClient, bounds: tuple[int, int], now_ms: int) -> None:
        self._rest = rest
        self._start_ms = bounds[0]
        self._end_ms = min(bounds[1], hour_open_ms(now_ms))
        self._first_known_ms: dict[str, int] = {}

    async def months(self, symbol: str) -> list[Part]:
        """Return the months of the range up to the exchange's present hour."""
        self._first_known_ms.pop(symbol, None)
        return months_between(self._start_ms, self._end_ms)

    def is_loaded(self, _symbol: str, month: Part, loaded: Loaded) -> bool:
        """Tell whether the month was loaded whole."""
        return month.name in loaded

    async def read(
        self, symbol: str, month: Part, _loaded: Loaded
    ) -> AsyncIterator[Chunk | Refusal]:
        """Yield the month as far as it is closed."""
        end_ms = min(month.end_ms, self._end_ms)
        rows: list[Any] = []
        if self._first_known_ms.get(symbol, 0) < month.end_ms:
            hours = (month.end_ms - month.start_ms) // HOUR_MS
            try:
                rows = await self._rest.klines(symbol, month.start_ms, hours)
            except RestError as error:
                message = f"klines of {symbol}, {month.name}: {error}; start again to go on"
                raise BackfillError(message) from error
            if rows and (first_ms := _open_time(rows[0])) is not None:
                self._first_known_ms[symbol] = first_ms
        # Where hours are absent, a page reaches beyond its month; those rows belong to another.
        inside = [row for row in rows if (_open_time(row) or 0) < end_ms]
        cleaned = clean(inside, month.start_ms, end_ms, parse_bar)
        yield Chunk(month, cleaned, None, end_ms == month.end_ms)


def _open_time(row: Sequence[Any]) -> int | None:
    """Return a row's time if it says one; a row that does not is left for the cleaning to refuse."""
    try:
        return int(row[0])
    except (TypeError, ValueError, IndexError, KeyError):
        return None
