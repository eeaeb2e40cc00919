"""History from the exchange's public dumps: a zip a month, a zip a day where the month has none yet.

Guarantee: rows of a file are given only if the file has the SHA-256 that its ``.CHECKSUM`` states.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from conf.contracts.errors import ContractError
from conf.history import HistorySettings
from conf.names import HOUR_MS
from streaming.history.cleaning import clean
from streaming.history.dump_files import dump_name, dump_path, parse_checksum, rows_of
from streaming.history.klines import parse_bar
from streaming.history.months import Part, days_of, months_between
from streaming.history.sources import BackfillError, Chunk, Loaded, Refusal

# A month's file comes on the first Monday after it; a day's file on the next day.
MONTHLY_DELAY_MS = 10 * 24 * HOUR_MS
NOT_FOUND = (403, 404)  # an object store that may not be listed says 403 for what is not there


class _RetryableError(Exception):
    """The host did not answer, or with an error that may pass."""


class DumpSource:
    """The dumps of one host. Use as an asynchronous context manager.

    Args:
        settings: host, time-outs, how many requests at once.
        bounds: first hour and exclusive end, UTC epoch ms.
        now_ms: the present; decides whose monthly file may not be there yet.
    """

    name = "dump"

    def __init__(self, settings: HistorySettings, bounds: tuple[int, int], now_ms: int) -> None:
        self._settings = settings
        self._bounds = (bounds[0], min(bounds[1], now_ms))
        self._now_ms = now_ms
        self._http = httpx.AsyncClient(
            base_url=settings.dumps_url.rstrip("/"),
            timeout=settings.dumps_timeout_s,
            follow_redirects=True,
        )
        self._slots = asyncio.Semaphore(settings.dumps_parallel)
        self._last_found_ms: dict[str, int] = {}

    async def __aenter__(self) -> DumpSource:
        """Return the source."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def months(self, symbol: str) -> list[Part]:
        """Return the months of the range."""
        self._last_found_ms.pop(symbol, None)
        return months_between(*self._bounds)

    def is_loaded(self, symbol: str, month: Part, loaded: Loaded) -> bool:
        """Tell whether the month's own file was loaded."""
        if month.name in loaded:
            self._last_found_ms[symbol] = month.end_ms
            return True
        return False

    async def read(
        self, symbol: str, month: Part, loaded: Loaded
    ) -> AsyncIterator[Chunk | Refusal]:
        """Yield the month, or its days where the month's file may still be to come.

        Days are asked for if the month is recent, or follows one that was there: no host is asked
        for thousands of days on which a symbol was not listed.
        """
        found = await self._file(symbol, month)
        if found is not None:
            self._last_found_ms[symbol] = month.end_ms
            yield found
            return
        is_recent = month.end_ms > self._now_ms - MONTHLY_DELAY_MS
        if not is_recent and self._last_found_ms.get(symbol) != month.start_ms:
            return
        days = [day for day in days_of(month) if self._is_wanted(day) and day.name not in loaded]
        for answer in await asyncio.gather(*(self._file(symbol, day) for day in days)):
            if answer is not None:
                yield answer

    def _is_wanted(self, day: Part) -> bool:
        return day.end_ms > self._bounds[0] and day.start_ms < self._bounds[1]

    async def _file(self, symbol: str, part: Part) -> Chunk | Refusal | None:
        """Return what a file says, None if the host does not have it."""
        path = dump_path(symbol, part)
        content, checksum = await asyncio.gather(self._get(path), self._get(f"{path}.CHECKSUM"))
        if content is None:
            return None
        try:
            if checksum is None:
                message = "it has no .CHECKSUM"
                raise ContractError(message)
            stated = parse_checksum(checksum.decode("utf-8", "replace"), dump_name(symbol, part))
            actual = hashlib.sha256(content).hexdigest()
            if actual != stated:
                message = f"its SHA-256 is {actual[:12]}…, its .CHECKSUM says {stated[:12]}…"
                raise ContractError(message)
            rows = rows_of(content)
        except ContractError as error:
            return Refusal(part, f"{dump_name(symbol, part)}: {error}")
        return Chunk(part, clean(rows, part.start_ms, part.end_ms, parse_bar), stated, True)

    async def _get(self, path: str) -> bytes | None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_RetryableError),
            stop=stop_after_attempt(self._settings.dumps_attempts),
            wait=wait_random_exponential(multiplier=0.5, max=20),
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    async with self._slots:
                        return await self._once(path)
        except _RetryableError as error:
            message = (
                f"{self._settings.dumps_url}{path}: {error}; "
                "start again to go on, or set NEXTHOUR_HISTORY_DUMPS_URL"
            )
            raise BackfillError(message) from error
        raise AssertionError

    async def _once(self, path: str) -> bytes | None:
        try:
            response = await self._http.get(path)
        except httpx.HTTPError as error:
            raise _RetryableError(str(error) or type(error).__name__) from error
        if response.status_code in NOT_FOUND:
            return None
        if response.status_code != 200:
            message = f"HTTP {response.status_code}"
            raise _RetryableError(message)
        return response.content
