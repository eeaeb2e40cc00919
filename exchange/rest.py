"""The REST API: `/api/v3/…` market data on the exchange's book (binance.md 5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import web

from conf.standin import StandInSettings
from exchange.bars import rest_kline
from exchange.book import Book
from exchange.clock import Clock
from exchange.errors import ApiError, invalid_symbol, missing_parameter
from exchange.faults import RestErrorRequest, SymbolStatus
from exchange.intervals import INTERVALS, klines
from exchange.listings import Listing, decimal_text
from exchange.queries import historical_trades, orders, recent_trades
from exchange.rest_faults import RestFaults, error_body, error_page
from exchange.series import Series
from exchange.statuses import Statuses
from exchange.units import is_micro, to_milliseconds, zone_ms
from exchange.weights import WeightMeter

_log = structlog.get_logger(__name__)
_LIMIT, _MOST = 500, 1000
_SHOWN_STATUSES = {status.value for status in SymbolStatus} - {SymbolStatus.DELISTED.value}

Handler = Callable[[web.Request], Awaitable[Any]]


class RestApi:
    """Handlers of the market-data endpoints.

    Args:
        book: what is served.
        clock: nothing after its time is shown.
        settings: weight limit, and whether `historicalTrades` is served.
        statuses: of the symbols.
        faults: what goes wrong with the next requests, and how far the database trails.
    """

    def __init__(
        self,
        book: Book,
        clock: Clock,
        settings: StandInSettings,
        statuses: Statuses,
        faults: RestFaults,
    ) -> None:
        self._book = book
        self._clock = clock
        self._settings = settings
        self._statuses = statuses
        self._faults = faults
        self._meter = WeightMeter(settings.weight_limit)

    def add_routes(self, app: web.Application) -> None:
        """Add the endpoints to an application."""
        endpoints: list[tuple[str, int, Handler]] = [
            ("ping", 1, self._ping),
            ("time", 1, self._time),
            ("exchangeInfo", 20, self._exchange_info),
            ("klines", 2, self._klines),
            ("uiKlines", 2, self._klines),
            ("trades", 25, self._trades),
            ("historicalTrades", 25, self._historical_trades),
            ("aggTrades", 4, self._aggregates),
        ]
        for name, weight, handler in endpoints:
            is_served = name != "historicalTrades" or self._settings.serves_historical_trades
            if is_served:
                app.router.add_get(f"/api/v3/{name}", self._endpoint(name, weight, handler))
        app.router.add_route("*", "/api/{rest:.*}", _no_such_path)

    def _endpoint(
        self, name: str, weight: int, handler: Handler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            address = request.remote or ""
            now_s = time.time()
            used = self._meter.charge(address, weight, now_s)
            headers = {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}
            refusal = self._meter.refusal(address, now_s)
            if refusal is not None:
                status, wait_s = refusal
                return _refused(status, wait_s, self._settings.weight_limit, now_s, headers)
            if stall_s := self._faults.take_stall_s(name):
                await asyncio.sleep(stall_s)
            if (fault := self._faults.take_error(name)) is not None:
                return _injected(fault, headers)
            try:
                return _json(await handler(request), headers)
            except ApiError as error:
                return _json({"code": error.code, "msg": error.message}, headers, error.status)
            except Exception:
                _log.exception("request failed", path=request.path_qs)
                body = {
                    "code": -1000,
                    "msg": "An unknown error occurred while processing the request.",
                }
                return _json(body, headers, 500)

        return answer

    async def _ping(self, _request: web.Request) -> Any:
        return {}

    async def _time(self, request: web.Request) -> Any:
        return {"serverTime": self._clock.now_ms() * _factor(request)}

    async def _exchange_info(self, request: web.Request) -> Any:
        series = self._asked_series(request)
        now = self._clock.now_ms()
        return {
            "timezone": "UTC",
            "serverTime": now * _factor(request),
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": self._settings.weight_limit,
                },
                {
                    "rateLimitType": "RAW_REQUESTS",
                    "interval": "MINUTE",
                    "intervalNum": 5,
                    "limit": 300_000,
                },
            ],
            "exchangeFilters": [],
            "symbols": [symbol_info(one, status) for one, status in self._with_status(series, now)],
        }

    def _with_status(self, series: list[Series], now_ms: int) -> list[tuple[Listing, str]]:
        listings = [one.listing for one in series]
        return [(one, self._statuses.of(one.symbol, now_ms).value) for one in listings]

    def _asked_series(self, request: web.Request) -> list[Series]:
        wanted = request.query.get("symbolStatus")
        if wanted is None:
            return self._named_series(request)
        if "symbol" in request.query or "symbols" in request.query:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        if wanted not in _SHOWN_STATUSES:
            raise ApiError(-1122, "Invalid symbolStatus.")
        now = self._clock.now_ms()
        series = self._named_series(request)
        return [one for one in series if self._statuses.of(one.listing.symbol, now) == wanted]

    def _named_series(self, request: web.Request) -> list[Series]:
        if "symbol" in request.query:
            if "symbols" in request.query:
                raise ApiError(-1128, "Combination of optional parameters invalid.")
            return [self._series(request)]
        if "symbols" not in request.query:
            listed = self._statuses.is_listed
            return [one for name, one in self._book.series.items() if listed(name)]
        try:
            names = orjson.loads(request.query["symbols"])
        except orjson.JSONDecodeError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ApiError(-1100, "Illegal characters found in parameter 'symbols'.")
        if not all(self._statuses.is_listed(name) for name in names):
            raise invalid_symbol()
        return [self._book.series[name] for name in names]

    async def _klines(self, request: web.Request) -> Any:
        series = self._series(request)
        name = request.query.get("interval")
        if not name:
            raise missing_parameter(name="interval")
        interval = INTERVALS.get(name)
        if interval is None:
            raise ApiError(-1120, "Invalid interval.")
        interval = interval.shifted(zone_ms(request.query.get("timeZone")))
        bars = await asyncio.to_thread(
            klines,
            series,
            interval,
            self._database_ms(),
            start_ms=_moment(request, "startTime"),
            end_ms=_moment(request, "endTime"),
            limit=_limit(request),
        )
        rows = [rest_kline(series.listing, bar) for bar in bars]
        return [_micro_kline(row) for row in rows] if _factor(request) > 1 else rows

    async def _trades(self, request: web.Request) -> Any:
        rows = recent_trades(self._series(request), self._clock.now_ms(), _limit(request))
        return _timed(rows, "time", request)

    async def _historical_trades(self, request: web.Request) -> Any:
        series, limit = self._series(request), _limit(request)
        from_id = _integer(request, "fromId")
        now = self._database_ms()
        if from_id is None:
            return _timed(recent_trades(series, now, limit), "time", request)
        return _timed(historical_trades(series, now, from_id, limit), "time", request)

    async def _aggregates(self, request: web.Request) -> Any:
        series, limit = self._series(request), _limit(request)
        from_id = _integer(request, "fromId")
        start_ms, end_ms = _moment(request, "startTime"), _moment(request, "endTime")
        if from_id is not None and (start_ms is not None or end_ms is not None):
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        rows = orders(
            series,
            self._database_ms(),
            from_id=from_id,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=limit,
        )
        return _timed(rows, "T", request)

    def _series(self, request: web.Request) -> Series:
        symbol = request.query.get("symbol")
        if not symbol:
            raise missing_parameter(name="symbol")
        if not self._statuses.is_listed(symbol):
            raise invalid_symbol()
        return self._book.series[symbol]

    def _database_ms(self) -> int:
        return self._clock.now_ms() - self._faults.lag_ms


def symbol_info(listing: Listing, status: str) -> dict[str, Any]:
    """Return one entry of ``exchangeInfo.symbols``."""
    largest_price = decimal_text(10**15, 8)
    largest_quantity = decimal_text(9 * 10**17, 8)
    tick, step = listing.price_text(1), listing.quantity_text(1)
    return {
        "symbol": listing.symbol,
        "status": status,
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": largest_price,
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": step,
                "maxQty": largest_quantity,
                "stepSize": step,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _integer(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        message = (
            f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        )
        raise ApiError(-1100, message) from None


def _moment(request: web.Request, name: str) -> int | None:
    value = _integer(request, name)
    return None if value is None else to_milliseconds(value)


def _factor(request: web.Request) -> int:
    return 1000 if is_micro(request.headers.get("X-MBX-TIME-UNIT")) else 1


def _timed(rows: list[dict[str, Any]], name: str, request: web.Request) -> list[dict[str, Any]]:
    factor = _factor(request)
    return [{**row, name: row[name] * factor} for row in rows] if factor > 1 else rows


def _micro_kline(row: list[Any]) -> list[Any]:
    return [row[0] * 1000, *row[1:6], (row[6] + 1) * 1000 - 1, *row[7:]]


def _limit(request: web.Request) -> int:
    limit = _integer(request, "limit")
    if limit is None:
        return _LIMIT
    if limit < 1:
        raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit, _MOST)


def _json(body: Any, headers: dict[str, str], status: int = 200) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type="application/json"
    )


def _refused(
    status: int, wait_s: int, limit: int, now_s: float, headers: dict[str, str]
) -> web.Response:
    message = (
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    if status == 418:
        until_ms = int((now_s + wait_s) * 1000)
        message = f"Way too much request weight used; IP banned until {until_ms}."
    headers = {**headers, "Retry-After": str(wait_s)}
    return _json({"code": -1003, "msg": message}, headers, status)


def _injected(fault: RestErrorRequest, headers: dict[str, str]) -> web.Response:
    if fault.retry_after_s is not None:
        headers = {**headers, "Retry-After": str(fault.retry_after_s)}
    if fault.form == "json":
        return _json(error_body(fault), headers, fault.status)
    text = error_page(fault.status) if fault.form == "html" else ""
    return web.Response(status=fault.status, headers=headers, text=text, content_type="text/html")


async def _no_such_path(_request: web.Request) -> web.StreamResponse:
    return web.Response(
        status=404,
        text="<html><body><h2>404 Not found</h2></body></html>",
        content_type="text/html",
    )
