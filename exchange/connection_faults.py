"""Faults of whole connections: cuts, closes, half-open and slow sockets, shutdowns, refusals."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine

from aiohttp import WSCloseCode

from exchange.clock import Clock
from exchange.faults import (
    CloseRequest,
    ConnectionRequest,
    CutRequest,
    HalfOpenRequest,
    LifeRequest,
    RefuseRequest,
    ShutdownRequest,
    SlowRequest,
)
from exchange.hub import Client, Hub
from exchange.sockets import Connection, Sockets
from exchange.wire import SHUTDOWN_STREAM, shutdown_event

_TRICKLE_S = 0.05


class ConnectionFaults:
    """Does at once what a request asks of the open websockets.

    Args:
        sockets: all websockets.
        hub: from which half-open ones are taken.
        clock: whose time `serverShutdown` shows.
        injected: counts the connections met, by kind of fault.
    """

    def __init__(self, sockets: Sockets, hub: Hub, clock: Clock, injected: Counter[str]) -> None:
        self._sockets = sockets
        self._hub = hub
        self._clock = clock
        self._injected = injected
        self._tasks: set[asyncio.Task[None]] = set()

    def apply(self, request: ConnectionRequest) -> int:
        """Inject a fault; return how many connections it met."""
        if isinstance(request, RefuseRequest):
            self._sockets.refuse(request.seconds)
            self._injected[request.kind] += 1
            return 0
        if isinstance(request, LifeRequest):
            self._sockets.set_life(request.seconds)
            self._injected[request.kind] += 1
            return len(self._sockets.connections)
        chosen = self._chosen(request.count)
        self._injected[request.kind] += len(chosen)
        if isinstance(request, ShutdownRequest):
            event = shutdown_event(self._clock.now_ms())
            for connection in chosen:
                self._hub.tell(connection.client, SHUTDOWN_STREAM, event)
        for connection in chosen:
            self._inject(request, connection)
        return len(chosen)

    def cut_all(self) -> None:
        """Write what is queued, then abort every websocket."""
        self._injected["cut"] += self._hub.cut_all()

    async def stop(self) -> None:
        """Drop what is still to come."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _chosen(self, count: int | None) -> list[Connection]:
        able = [
            one
            for one in self._sockets.connections
            if not (one.client.is_mute or one.client.is_cut or one.socket.closed)
        ]
        return able if count is None else able[:count]

    def _inject(self, request: ConnectionRequest, connection: Connection) -> None:
        if isinstance(request, CutRequest):
            connection.client.cut(is_reset=True)
            self._hub.remove(connection.client)
        elif isinstance(request, HalfOpenRequest):
            connection.client.mute()
            self._hub.remove(connection.client)
            loop = asyncio.get_running_loop()
            loop.call_later(request.seconds, connection.client.cut)
        elif isinstance(request, SlowRequest):
            self._start(_slow(connection.client, request.seconds, request.bytes_per_s))
        elif isinstance(request, CloseRequest):
            self._start(_close(connection, request.code, request.reason, 0.0))
        elif isinstance(request, ShutdownRequest):
            going = WSCloseCode.GOING_AWAY
            self._start(_close(connection, going, "server shutdown", request.notice_s))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _close(connection: Connection, code: int, reason: str, wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    await connection.socket.close(code=code, message=reason.encode())


async def _slow(client: Client, seconds: float, bytes_per_s: int) -> None:
    client.slow_down()
    try:
        for _ in range(max(int(seconds / _TRICKLE_S), 1)):
            await asyncio.sleep(_TRICKLE_S)
            client.trickle(max(int(bytes_per_s * _TRICKLE_S), 1))
    finally:
        client.speed_up()
