"""The public dump files of the book: a zip of hourly klines per ended month and day (binance.md 9).

The same hours always make the same bytes, so that a checksum stays true.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta

from aiohttp import web

from conf.names import HOUR_MS, epoch_ms
from exchange.bars import rest_kline
from exchange.book import Book
from exchange.clock import Clock
from exchange.intervals import HOURLY, klines
from exchange.series import Series

ROUTE = "/data/spot/{kind}/klines/{symbol}/1h/{name}"
# From here on the dumps are in microseconds.
_MICRO_FROM_MS = epoch_ms(datetime(2025, 1, 1, tzinfo=UTC))
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_CHECKSUM = ".CHECKSUM"
_PERIOD = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")


class DumpFiles:
    """Serves the dumps of a book as far as the clock has come."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the one route to an application."""
        app.router.add_get(ROUTE, self._file)

    async def _file(self, request: web.Request) -> web.Response:
        symbol, asked = request.match_info["symbol"], request.match_info["name"]
        name = asked.removesuffix(_CHECKSUM)
        series = self._book.series.get(symbol)
        bounds = _bounds(request.match_info["kind"], symbol, name)
        if series is None or bounds is None or bounds[1] > self._clock.now_ms():
            raise web.HTTPNotFound
        content = await asyncio.to_thread(dump_zip, series, name, *bounds)
        if content is None:
            raise web.HTTPNotFound
        if asked == name:
            return web.Response(body=content, content_type="application/zip")
        return web.Response(text=f"{hashlib.sha256(content).hexdigest()}  {name}\n")


def dump_zip(series: Series, name: str, start_ms: int, end_ms: int) -> bytes | None:
    """Return the dump of a symbol's hours from a start to before an end, None if there are none."""
    hours = (end_ms - start_ms) // HOUR_MS
    bars = klines(series, HOURLY, end_ms, start_ms=start_ms, end_ms=end_ms - 1, limit=hours)
    if not bars:
        return None
    is_micro = start_ms >= _MICRO_FROM_MS
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for bar in bars:
        row = rest_kline(series.listing, bar)
        if is_micro:
            row[0], row[6] = row[0] * 1000, row[6] * 1000 + 999
        writer.writerow(row)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        entry = zipfile.ZipInfo(name.replace(".zip", ".csv"), _ZIP_TIME)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, text.getvalue())
    return content.getvalue()


def _bounds(kind: str, symbol: str, name: str) -> tuple[int, int] | None:
    """Return the hours that a file's name asks for, None if it is no dump's name."""
    stem = name.removesuffix(".zip")
    period = _PERIOD.fullmatch(stem.removeprefix(f"{symbol}-1h-"))
    if stem == name or period is None:
        return None
    year, month, day = period.groups()
    if kind != ("monthly" if day is None else "daily"):
        return None
    try:
        begin = datetime(int(year), int(month), int(day or 1), tzinfo=UTC)
    except ValueError:
        return None
    end = begin + timedelta(days=1)
    if day is None:
        end = (begin + timedelta(days=32)).replace(day=1)
    return epoch_ms(begin), epoch_ms(end)
