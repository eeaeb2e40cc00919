"""The websocket endpoints `/ws`, `/ws/<streams>` and `/stream?streams=…` (binance.md 2)."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from conf.standin import ErrorForm, StandInSettings
from exchange import wire
from exchange.attempts import AttemptMeter
from exchange.errors import ApiError
from exchange.hub import Client, Hub
from exchange.subscriptions import MOST_STREAMS, answer
from exchange.units import is_micro

_CLOSE_TIMEOUT_S = 2.0
_LARGEST_MESSAGE = 2**20


@dataclass(eq=False)
class Connection:
    """One open websocket, and when it was opened (monotonic s)."""

    client: Client
    socket: web.WebSocketResponse
    opened_s: float
    end_of_life: asyncio.TimerHandle | None = None


class Sockets:
    """All open websockets.

    Guarantees: pings every `ping_interval_s` with a payload, cuts a client that is silent for
    `pong_timeout_s`, closes with 1008 on more than `incoming_per_s` frames in any second, answers
    429 to more than `connect_attempts` in a window, cuts without a close frame at `life_s`.

    Attributes:
        attempts: to open a websocket, refused ones too.
        refused: attempts that were answered with 429 or 503.
        error_form: of control errors.
    """

    def __init__(self, hub: Hub, settings: StandInSettings) -> None:
        self.refused = 0
        self.error_form: ErrorForm = settings.error_form
        self._hub = hub
        self._settings = settings
        self._meter = AttemptMeter(settings.connect_attempts, settings.connect_window_s)
        self._life_s = settings.life_s
        self._refused_until_s = 0.0
        self._open: dict[Connection, None] = {}
        self._end_reason: str | None = None

    @property
    def attempts(self) -> int:
        """Attempts so far."""
        return self._meter.total

    @property
    def connections(self) -> list[Connection]:
        """The open websockets, oldest first, half-open ones too."""
        return list(self._open)

    def add_routes(self, app: web.Application) -> None:
        """Add the endpoints to an application."""
        app.router.add_get("/ws", self._raw)
        app.router.add_get("/ws/{streams:.*}", self._raw)
        app.router.add_get("/stream", self._combined)

    def refuse(self, seconds: float) -> None:
        """Answer 503 to new websockets for so many wall seconds."""
        self._refused_until_s = time.monotonic() + seconds

    def set_life(self, seconds: float) -> None:
        """Cut every websocket, the open ones too, when it is so many wall seconds old."""
        self._life_s = seconds
        for connection in self._open:
            self._limit_life(connection)

    async def close_all(self, code: int, reason: str) -> None:
        """Close every websocket with a close frame; abort those that are half open."""
        closing = []
        for connection in self.connections:
            if connection.client.is_mute:
                connection.client.cut()
            else:
                closing.append(connection.socket.close(code=code, message=reason.encode()))
        await asyncio.gather(*closing, return_exceptions=True)

    async def end(self, reason: str) -> None:
        """Close every websocket with code 1000, and each that opens later at once."""
        self._end_reason = reason
        await self.close_all(WSCloseCode.OK, reason)

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.match_info.get("streams", ""), is_combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        # A plus in a query is read as a space; no stream's name has one, but `@+08:00` has a plus.
        names = request.query.get("streams", "").replace(" ", "+")
        return await self._serve(request, names, is_combined=True)

    def _refusal(self, request: web.Request, streams: list[str]) -> web.Response | None:
        now_s = time.monotonic()
        wait_s = self._meter.refusal(request.remote or "", now_s)
        if wait_s is not None:
            self.refused += 1
            return web.Response(status=429, headers={"Retry-After": str(wait_s)})
        if now_s < self._refused_until_s:
            self.refused += 1
            return web.Response(status=503)
        if len(streams) > MOST_STREAMS:
            return web.json_response({"code": 4, "msg": "Too many subscriptions"}, status=400)
        return None

    async def _serve(
        self, request: web.Request, names: str, *, is_combined: bool
    ) -> web.StreamResponse:
        streams = [name for name in names.split("/") if name]
        refusal = self._refusal(request, streams)
        if refusal is not None:
            return refusal
        try:
            micro = is_micro(request.query.get("timeUnit"))
        except ApiError as error:
            body = {"code": error.code, "msg": error.message}
            return web.json_response(body, status=error.status)
        socket = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT_S,
            autoping=False,
            compress=False,
            max_msg_size=_LARGEST_MESSAGE,
        )
        await socket.prepare(request)
        transport = request.transport
        if self._end_reason is not None or transport is None:
            reason = (self._end_reason or "").encode()
            await socket.close(code=WSCloseCode.OK, message=reason)
            return socket
        limit = self._settings.client_buffer_bytes
        client = Client(transport, is_combined=is_combined, limit=limit, is_micro=micro)
        await self._keep(Connection(client, socket, time.monotonic()), streams)
        return socket

    async def _keep(self, connection: Connection, streams: list[str]) -> None:
        """Serve a websocket until it ends."""
        client = connection.client
        self._open[connection] = None
        self._hub.add(client)
        self._hub.subscribe(client, streams)
        self._limit_life(connection)
        heard = _Heard(connection.opened_s)
        pinger = asyncio.create_task(self._ping(client, connection.socket, heard))
        try:
            await self._listen(client, connection.socket, heard)
        finally:
            pinger.cancel()
            if connection.end_of_life is not None:
                connection.end_of_life.cancel()
            self._hub.remove(client)
            self._open.pop(connection, None)

    def _limit_life(self, connection: Connection) -> None:
        if connection.end_of_life is not None:
            connection.end_of_life.cancel()
        left_s = max(connection.opened_s + self._life_s - time.monotonic(), 0.0)
        loop = asyncio.get_running_loop()
        connection.end_of_life = loop.call_later(left_s, connection.client.cut)

    async def _listen(self, client: Client, socket: web.WebSocketResponse, heard: _Heard) -> None:
        while True:
            message = await socket.receive()
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                return
            if message.type is WSMsgType.ERROR:
                return
            if heard.count(time.monotonic()) > self._settings.incoming_per_s:
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                return
            self._react(client, message, heard)

    def _react(self, client: Client, message: WSMessage, heard: _Heard) -> None:
        if message.type is WSMsgType.PING:
            client.send(bytes(message.data), wire.PONG)
        elif message.type is WSMsgType.PONG:
            heard.pong_s = time.monotonic()
        elif message.type is WSMsgType.TEXT:
            client.send(answer(self._hub, client, message.data, self.error_form))

    async def _ping(self, client: Client, socket: web.WebSocketResponse, heard: _Heard) -> None:
        while True:
            await asyncio.sleep(self._settings.ping_interval_s)
            if client.is_mute:
                return
            if time.monotonic() - heard.pong_s > self._settings.pong_timeout_s:
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Pong timeout")
                return
            client.send(str(time.time_ns() // 1_000_000).encode(), wire.PING)


class _Heard:
    """What came from one client: frames in the last second, and the last pong."""

    def __init__(self, now_s: float) -> None:
        self.pong_s = now_s
        self._frames: deque[float] = deque()

    def count(self, now_s: float) -> int:
        """Count a frame; return how many came in the last second."""
        self._frames.append(now_s)
        while self._frames and self._frames[0] <= now_s - 1.0:
            self._frames.popleft()
        return len(self._frames)
