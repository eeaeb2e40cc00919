"""The exchange's REST API: requests paced by weight, retried by one table, answers as plain JSON.

Guarantee: after a 429 or 418 nothing is sent before `Retry-After` is over; the used weight that the
exchange reports stays below the configured share of its limit.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from conf.producer import ProducerSettings
from producers.errors import RestError
from producers.served_trades import PAGE, trades_from

log = structlog.get_logger(__name__)

RETRYABLE_CODES = frozenset((-1000, -1001, -1003, -1006, -1007, -1008, -1016))
RETRYABLE_STATUS = frozenset((0, 408, 429, 500, 502, 503, 504))
UNKNOWN_SYMBOL = -1121
WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
DEFAULT_WEIGHT_LIMIT = 6000


def should_retry(error: BaseException) -> bool:
    """Tell whether the same request may succeed later: a time-out, an overload, a broken limit."""
    if not isinstance(error, RestError) or error.status == 418:
        return False
    if error.code is not None:
        return error.code in RETRYABLE_CODES
    return error.status in RETRYABLE_STATUS


class RestClient:
    """Requests to one REST base. Use as an asynchronous context manager.

    Attributes:
        used_weight: as the exchange last reported it.
        weight_limit: per minute.
        serves_history: whether the host has `historicalTrades`; unset when it says 404.
        failures: counts requests without a usable answer, under "rest".
        on_limited: told in one line when the exchange refuses because of a limit.
    """

    def __init__(self, base_url: str, settings: ProducerSettings) -> None:
        self._settings = settings
        self._http = httpx.AsyncClient(
            base_url=base_url.rstrip("/"), timeout=settings.rest_timeout_s
        )
        self._slots = asyncio.Semaphore(settings.rest_parallel)
        self._not_before_s = 0.0
        self.weight_limit = DEFAULT_WEIGHT_LIMIT
        self.used_weight = 0
        self.serves_history = True
        self.failures: Counter[str] = Counter()
        self.on_limited: Callable[[str], None] = lambda _detail: None

    async def __aenter__(self) -> RestClient:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self._http.aclose()

    def set_weight_limit(self, per_minute: int) -> None:
        """Take over the limit that `exchangeInfo` states."""
        self.weight_limit = per_minute

    async def server_time_ms(self) -> int:
        """Return the exchange's time, UTC epoch ms."""
        answer = await self.get("/api/v3/time")
        return int(answer["serverTime"])

    async def historical_trades(
        self, symbol: str, limit: int, from_id: int | None = None, since_ms: int | None = None
    ) -> list[Any]:
        """Return trades from an id on (inclusive), or the most recent ones, in id order.

        Falls back to what the host serves, see `producers.served_trades`; for that it needs
        `since_ms`, a time not after the first of them.
        """
        if from_id is None:
            return await self.recent_trades(symbol, limit)
        if self.serves_history:
            params = {"symbol": symbol, "limit": limit, "fromId": from_id}
            try:
                return _rows(await self.get("/api/v3/historicalTrades", params))
            except RestError as error:
                if error.status != 404:
                    raise
            self.serves_history = False
            log.warning("this host does not serve historicalTrades, using trades and aggTrades")
        return await trades_from(self, symbol, from_id, limit, since_ms)

    async def recent_trades(self, symbol: str, limit: int) -> list[Any]:
        """Return the most recent trades, in id order; served from memory, without lag."""
        return _rows(await self.get("/api/v3/trades", {"symbol": symbol, "limit": limit}))

    async def aggregates(
        self, symbol: str, *, start_ms: int | None = None, from_id: int | None = None
    ) -> list[Any]:
        """Return a page of aggregate trades from a time or an aggregate's id on."""
        params: dict[str, Any] = {"symbol": symbol, "limit": PAGE}
        if start_ms is not None:
            params["startTime"] = start_ms
        if from_id is not None:
            params["fromId"] = from_id
        return _rows(await self.get("/api/v3/aggTrades", params))

    async def first_aggregate_since(self, symbol: str, start_ms: int) -> dict[str, Any] | None:
        """Return the first valid aggregate trade at or after a time, or None."""
        params = {"symbol": symbol, "startTime": start_ms, "limit": 10}
        for row in _rows(await self.get("/api/v3/aggTrades", params)):
            # Aggregates that an audit of 2022 invalidated carry f = -1.
            if isinstance(row, dict) and isinstance(row.get("f"), int) and row["f"] >= 0:
                return row
        return None

    async def klines(self, symbol: str, start_ms: int, limit: int) -> list[Any]:
        """Return the hourly klines from a time on; the last may be of the running hour."""
        params = {"symbol": symbol, "interval": "1h", "startTime": start_ms, "limit": limit}
        return _rows(await self.get("/api/v3/klines", params))

    async def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """Return the JSON answer of a GET.

        Raises:
            RestError: if no usable answer came in `rest_attempts` attempts.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(should_retry),
            stop=stop_after_attempt(self._settings.rest_attempts),
            wait=self._wait,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                async with self._slots:
                    await self._pace()
                    return await self._once(path, params)
        raise AssertionError

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after_s if isinstance(error, RestError) else 0.0
        backoff = self._settings.retry_base_s * 2.0**state.attempt_number
        return max(asked, min(backoff, self._settings.retry_cap_s))

    def pause_s(self) -> float:
        """Return for how long nothing will be sent; 0 if requests flow."""
        return max(0.0, self._not_before_s - time.monotonic())

    async def _pace(self) -> None:
        while (wait := self.pause_s()) > 0:
            await asyncio.sleep(wait)

    async def _once(self, path: str, params: dict[str, Any] | None) -> Any:
        try:
            return await self._answer(path, params)
        except RestError:
            self.failures["rest"] += 1
            raise

    async def _answer(self, path: str, params: dict[str, Any] | None) -> Any:
        try:
            response = await self._http.get(path, params=params)
        except httpx.HTTPError as error:
            message = f"GET {path}: {error or type(error).__name__}"
            raise RestError(message) from error
        self._note_weight(response)
        if response.status_code == 200:
            try:
                return orjson.loads(response.content)
            except orjson.JSONDecodeError as error:
                message = f"GET {path}: 200 without JSON"
                raise RestError(message, status=502) from error
        raise self._error(path, response)

    def _note_weight(self, response: httpx.Response) -> None:
        used = response.headers.get(WEIGHT_HEADER, "")
        if not used.isdigit():
            return
        self.used_weight = int(used)
        if self.used_weight >= self._settings.rest_weight_share * self.weight_limit:
            # The window is the clock minute; the exchange's clock is not ours, hence the second.
            self._hold_off(61.0 - time.time() % 60)

    def _error(self, path: str, response: httpx.Response) -> RestError:
        header = response.headers.get("Retry-After", "")
        after = float(header) if header.isdigit() else 0.0
        if response.status_code in (418, 429):
            self._hold_off(max(after, 1.0))
            self.on_limited(f"HTTP {response.status_code}, silent for {max(after, 1.0):g} s")
        code, text = _error_body(response.content)
        message = f"GET {path}: HTTP {response.status_code} {text}".strip()
        return RestError(message, status=response.status_code, code=code, retry_after_s=after)

    def _hold_off(self, wait_s: float) -> None:
        self._not_before_s = max(self._not_before_s, time.monotonic() + wait_s)


def _rows(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        message = f"an answer that should be a list is {type(answer).__name__}"
        raise RestError(message, status=502)
    return answer


def _error_body(content: bytes) -> tuple[int | None, str]:
    """Return code and text of an error; gateways send HTML or nothing."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None, ""
    if not isinstance(body, dict):
        return None, ""
    code = body.get("code")
    return (code if isinstance(code, int) else None), str(body.get("msg", ""))
