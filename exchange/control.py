"""The control port: clock, oracle, status and faults. For tests and operators, not for clients.

GET  /healthz          ``{"status": "ready"}`` once both ports are open
GET  /clock            ``now_ms``, ``speed``, ``running``
POST /clock/start      lets a held clock run
GET  /oracle/candles   closed hours; ``symbol``, ``start_ms``, ``end_ms`` (open times, inclusive)
GET  /oracle/closes    when closed klines were sent; ``since_ms`` (wall)
GET  /oracle/trades    the exact trades up to now; ``symbol``, ``from_id``, ``limit`` (10000)
GET  /status           counts of trades, messages, connections and faults
GET  /faults           ``injected`` and ``waiting``, by kind
POST /faults           one fault; exchange/faults.py lists the kinds
POST /symbols          ``{"symbol", "status"}``; the answer says from when on (``from_ms``)

A request that makes no sense is answered with 400 and ``{"error": one line}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from conf.names import HOUR_MS
from exchange.bars import HourState, oracle_candle
from exchange.book import Book
from exchange.broadcast import Broadcast
from exchange.clock import Clock
from exchange.fault_desk import FaultDesk
from exchange.faults import FaultError
from exchange.queries import historical_trades
from exchange.series import Series
from exchange.sockets import Sockets

_MOST_TRADES = 10_000


class ControlApi:
    """Handlers of the control port. Times are UTC epoch ms; decimals are strings."""

    def __init__(
        self, book: Book, clock: Clock, broadcast: Broadcast, sockets: Sockets, desk: FaultDesk
    ) -> None:
        self._book = book
        self._clock = clock
        self._broadcast = broadcast
        self._sockets = sockets
        self._desk = desk

    def add_routes(self, app: web.Application) -> None:
        """Add the endpoints to an application."""
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/clock", self._show_clock)
        app.router.add_post("/clock/start", self._start_clock)
        app.router.add_get("/oracle/candles", self._candles)
        app.router.add_get("/oracle/closes", self._closes)
        app.router.add_get("/oracle/trades", self._trades)
        app.router.add_get("/status", self._status)
        app.router.add_get("/faults", self._faults)
        app.router.add_post("/faults", self._add_fault)
        app.router.add_post("/symbols", self._set_status)

    async def _health(self, _request: web.Request) -> web.Response:
        return _json({"status": "ready"})

    async def _show_clock(self, _request: web.Request) -> web.Response:
        return _json(self._clock_state())

    async def _start_clock(self, _request: web.Request) -> web.Response:
        self._clock.start()
        return _json(self._clock_state())

    def _clock_state(self) -> dict[str, Any]:
        return {
            "now_ms": self._clock.now_ms(),
            "speed": self._clock.speed,
            "running": self._clock.is_running,
        }

    async def _candles(self, request: web.Request) -> web.Response:
        """Closed hours with an open time in [start_ms, end_ms]; of all symbols if none is named."""
        try:
            start_ms = int(request.query.get("start_ms", "0"))
            end_ms = int(request.query.get("end_ms", str(2**62)))
        except ValueError:
            return _error("start_ms and end_ms must be integers (UTC epoch ms)")
        symbol = request.query.get("symbol")
        if symbol is not None and symbol not in self._book.series:
            return _error(f"symbol must be one of {', '.join(self._book.series)}")
        names = [symbol] if symbol else list(self._book.series)
        now = self._clock.now_ms()

        def rows() -> list[dict[str, Any]]:
            chosen = [self._book.series[name] for name in names]
            return [row for one in chosen for row in closed_candles(one, start_ms, end_ms, now)]

        return _json(await asyncio.to_thread(rows))

    async def _closes(self, request: web.Request) -> web.Response:
        try:
            since_ms = float(request.query.get("since_ms", "0"))
        except ValueError:
            return _error("since_ms must be a number (wall time, epoch ms)")
        closes = self._broadcast.closes
        return _json([asdict(close) for close in closes if close.sent_wall_ms >= since_ms])

    async def _trades(self, request: web.Request) -> web.Response:
        """Trades of a symbol with an id of ``from_id`` or later that have happened by now."""
        try:
            from_id = int(request.query.get("from_id", "0"))
            limit = int(request.query.get("limit", str(_MOST_TRADES)))
        except ValueError:
            return _error("from_id and limit must be integers")
        series = self._book.series.get(request.query.get("symbol", ""))
        if series is None:
            return _error(f"symbol must be one of {', '.join(self._book.series)}")
        if not 1 <= limit <= _MOST_TRADES:
            return _error(f"limit must be from 1 to {_MOST_TRADES}")
        now = self._clock.now_ms()
        return _json(await asyncio.to_thread(historical_trades, series, now, from_id, limit))

    async def _status(self, _request: web.Request) -> web.Response:
        return _json(
            {
                "mode": self._book.mode,
                "live_start_ms": self._book.live_start_ms,
                "finished": self._broadcast.is_finished,
                "trades_sent": self._broadcast.trades_sent,
                "messages_sent": self._broadcast.hub.messages_sent,
                "klines_closed": self._broadcast.klines_closed,
                "clients": len(self._broadcast.hub.clients),
                "connection_attempts": self._sockets.attempts,
                "connections_refused": self._sockets.refused,
                "connections_open": len(self._sockets.connections),
                "faults_injected": dict(self._desk.injected),
                "symbols": list(self._book.series),
                "adjusted_hours": {
                    name: one.adjusted_hours for name, one in self._book.series.items()
                },
            }
        )

    async def _faults(self, _request: web.Request) -> web.Response:
        return _json({"injected": dict(self._desk.injected), "waiting": self._desk.waiting()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            return _json(self._desk.take(orjson.loads(await request.read())))
        except orjson.JSONDecodeError as error:
            return _error(f"the body is no JSON: {error}")
        except FaultError as error:
            return _error(str(error))

    async def _set_status(self, request: web.Request) -> web.Response:
        """The same as a fault of kind ``status``."""
        try:
            body = orjson.loads(await request.read())
            given = body if isinstance(body, dict) else {}
            return _json(self._desk.take({**given, "kind": "status"}))
        except orjson.JSONDecodeError as error:
            return _error(f"the body is no JSON: {error}")
        except FaultError as error:
            return _error(str(error))


def closed_candles(
    series: Series, start_ms: int, end_ms: int, now_ms: int
) -> Iterable[dict[str, Any]]:
    """Yield the closed hours of a series as candles, oldest first; absent hours are left out."""
    begin = max(start_ms, series.first_open_ms)
    begin += -begin % HOUR_MS
    for open_ms in range(begin, min(end_ms, series.last_open_ms(now_ms)) + 1, HOUR_MS):
        if open_ms + HOUR_MS <= now_ms and series.state(open_ms) is not HourState.ABSENT:
            yield oracle_candle(series.listing, series.closed_bar(open_ms))


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _error(message: str) -> web.Response:
    return _json({"error": message}, 400)
