"""The websocket endpoints `/ws`, `/ws/<streams>` and `/stream?streams=…` (binance.md 2)."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from conf.standin import StandInSettings
from exchange import wire
from exchange.errors import ApiError
from exchange.hub import Client, Hub
from exchange.subscriptions import MOST_STREAMS, answer
from exchange.units import is_micro

_CLOSE_TIMEOUT_S = 2.0
_LARGEST_MESSAGE = 2**20


class Sockets:
    """All open websockets.

    Guarantees: pings every `ping_interval_s` with a payload, cuts a client that is silent for
    `pong_timeout_s`, closes with 1008 on more than `incoming_per_s` frames in any second.
    """

    def __init__(self, hub: Hub, settings: StandInSettings) -> None:
        self._hub = hub
        self._settings = settings
        self._open: set[web.WebSocketResponse] = set()
        self._end_reason: str | None = None

    def add_routes(self, app: web.Application) -> None:
        """Add the endpoints to an application."""
        app.router.add_get("/ws", self._raw)
        app.router.add_get("/ws/{streams:.*}", self._raw)
        app.router.add_get("/stream", self._combined)

    async def close_all(self, code: int, reason: str) -> None:
        """Close every websocket with a close frame."""
        closing = [one.close(code=code, message=reason.encode()) for one in set(self._open)]
        await asyncio.gather(*closing, return_exceptions=True)

    async def end(self, reason: str) -> None:
        """Close every websocket with code 1000, and each that opens later at once."""
        self._end_reason = reason
        await self.close_all(WSCloseCode.OK, reason)

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.match_info.get("streams", ""), is_combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.query.get("streams", ""), is_combined=True)

    async def _serve(
        self, request: web.Request, names: str, *, is_combined: bool
    ) -> web.StreamResponse:
        streams = [name for name in names.split("/") if name]
        try:
            micro = is_micro(request.query.get("timeUnit"))
        except ApiError as error:
            body = {"code": error.code, "msg": error.message}
            return web.json_response(body, status=error.status)
        if len(streams) > MOST_STREAMS:
            return web.json_response({"code": 4, "msg": "Too many subscriptions"}, status=400)
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
        client = Client(
            transport,
            is_combined=is_combined,
            limit=self._settings.client_buffer_bytes,
            is_micro=micro,
        )
        self._open.add(socket)
        self._hub.add(client)
        self._hub.subscribe(client, streams)
        heard = _Heard(time.monotonic())
        pinger = asyncio.create_task(self._ping(client, socket, heard))
        try:
            await self._listen(client, socket, heard)
        finally:
            pinger.cancel()
            self._hub.remove(client)
            self._open.discard(socket)
        return socket

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
            client.send(answer(self._hub, client, message.data))

    async def _ping(self, client: Client, socket: web.WebSocketResponse, heard: _Heard) -> None:
        while True:
            await asyncio.sleep(self._settings.ping_interval_s)
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
