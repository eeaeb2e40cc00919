"""The websocket connections of one stream URL, one after the other, for ever.

Guarantee: none about completeness. What the exchange sends between two connections is lost here; the
sequencer finds the hole and REST fills it. A connection is renewed before the exchange's 24 h are over
and when the exchange announces its end: the new one is opened first, and the old one closed only when
each symbol has traded on the new one, so that a planned change leaves no hole. Pings of the exchange
are answered by the library; own pings find a half-open socket. Back-pressure: `pause` stops reading.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from picows import WSError

from conf.contracts.incidents import IncidentKind
from conf.producer import ProducerSettings
from producers.connection import Connection, open_connection
from producers.incidents import IncidentLog
from producers.reconnect import Reconnect

log = structlog.get_logger(__name__)

END_OF_CAPTURE = (1000, "end of capture")


@dataclass(slots=True)
class StreamCounts:
    """What happened to a stream's connections since the start of the session."""

    connects: int = 0
    failures: int = 0
    handovers: int = 0


@dataclass(frozen=True, slots=True)
class StreamContext:
    """What all stream clients of a process share.

    Attributes:
        settings: bounds.
        reconnect: the waits, shared, since the exchange counts attempts per address.
        incidents: where losses and handovers are told.
        now_ms: the exchange's time.
        on_message: takes each message's bytes; called from the event loop, must not raise.
        on_connect: called after each connect.
    """

    settings: ProducerSettings
    reconnect: Reconnect
    incidents: IncidentLog
    now_ms: Callable[[], int]
    on_message: Callable[[bytes], None]
    on_connect: Callable[[], None]


class StreamClient:
    """Messages of one stream URL, over as many connections as it takes."""

    def __init__(self, url: str, symbols: Sequence[str], context: StreamContext) -> None:
        """Create a client; opens nothing yet.

        Args:
            url: where to connect.
            symbols: whose streams the URL names.
            context: what it shares with the others.
        """
        self.counts = StreamCounts()
        self.symbols = tuple(symbols)
        self.connected_since_ms: int | None = None
        self._url = url
        self._context = context
        self._settings = context.settings
        self._report = context.incidents.report
        self._open: list[Connection] = []
        self._is_paused = False
        self._renewal = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether a connection is open."""
        return self.connected_since_ms is not None

    def pause(self) -> None:
        """Read no more until `resume`; the exchange's messages wait in the sockets."""
        self._is_paused = True
        for connection in self._open:
            connection.pause()

    def resume(self) -> None:
        """Read again."""
        self._is_paused = False
        for connection in self._open:
            connection.resume()

    def renew(self) -> None:
        """Ask for a handover to a new connection, as when a subscription seems dead."""
        self._renewal.set()

    async def run(self) -> None:
        """Keep the stream open; returns only when the exchange says "end of capture"."""
        try:
            connection = await self._reopen(0)
            while not connection.has_ended_with(END_OF_CAPTURE):
                connection = await self._follow(connection)
        finally:
            for connection in list(self._open):
                connection.close()

    async def _follow(self, connection: Connection) -> Connection:
        """Stay with a connection until it is to be replaced or lost; return the one that follows."""
        reason = await self._until_due(connection)
        if reason is not None:
            successor = await self._hand_over(connection, reason)
            if successor is not None:
                return successor
        await connection.closed.wait()
        if connection.has_ended_with(END_OF_CAPTURE):
            return connection
        return await self._after_loss(connection)

    async def _until_due(self, connection: Connection) -> str | None:
        """Wait until a connection is due for replacement; return why, None if it was lost."""
        renew_after_s = self._context.reconnect.jittered(
            self._settings.renew_after_s, self._settings.renew_jitter
        )
        waits = {
            asyncio.create_task(connection.closed.wait()): None,
            asyncio.create_task(connection.shutdown.wait()): "the exchange announced its end",
            asyncio.create_task(self._renewal.wait()): "its streams seem dead",
        }
        try:
            left_s = renew_after_s - connection.age_s()
            done, _ = await asyncio.wait(
                waits, timeout=max(left_s, 0.0), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in waits:
                task.cancel()
        self._renewal.clear()
        if connection.shutdown.is_set():
            self._report(IncidentKind.SERVER_SHUTDOWN, "announced; a new connection is opened")
        if connection.closed.is_set():
            return None
        return next((waits[task] for task in done), f"{connection.age_s():.0f} s old")

    async def _hand_over(self, old: Connection, reason: str) -> Connection | None:
        """Open a new connection beside the old one; None if the old one ended first."""
        started_ms = self._context.now_ms()
        failures = 0
        while not old.closed.is_set():
            try:
                new = await self._connect(failures, until=old.closed)
            except (OSError, TimeoutError, WSError) as error:
                log.warning("handover waits", error=str(error) or type(error).__name__)
                self._context.reconnect.failures["stream"] += 1
                failures += 1
                continue
            if new is None:
                return None
            wanted = new.watch(self.symbols)
            await _first_of(
                (wanted.wait(), old.closed.wait(), new.closed.wait()),
                self._settings.handover_timeout_s,
            )
            if new.closed.is_set():
                failures += 1
                continue
            unseen = new.end_watch()
            old.close()
            self.counts.handovers += 1
            self.connected_since_ms = self._context.now_ms()
            detail = f"{reason}; {len(self.symbols) - len(unseen)}/{len(self.symbols)} symbols seen"
            self._report(IncidentKind.HANDOVER, detail, started_ms=started_ms, is_over=True)
            return new
        return None

    async def _after_loss(self, lost: Connection) -> Connection:
        lost_ms = self._context.now_ms()
        self._report(IncidentKind.STREAM_LOST, lost.reason())
        failures = self._context.reconnect.failures_after(0, lost.age_s())
        connection = await self._reopen(failures)
        self._report(IncidentKind.STREAM_BACK, "connected", started_ms=lost_ms, is_over=True)
        return connection

    async def _reopen(self, failures: int) -> Connection:
        """Connect, after as many attempts as it takes."""
        while True:
            try:
                connection = await self._connect(failures)
            except (OSError, TimeoutError, WSError) as error:
                # Not the whole URL: it names all streams.
                text = str(error) or type(error).__name__
                log.warning("stream not reached", url=self._url.split("?")[0], error=text)
                self.counts.failures += 1
                self._context.reconnect.failures["stream"] += 1
                failures += 1
                continue
            assert connection is not None
            return connection

    async def _connect(
        self, failures: int, until: asyncio.Event | None = None
    ) -> Connection | None:
        """Wait as the budget says, then connect; None if `until` was set meanwhile.

        Raises:
            OSError, TimeoutError, WSError: if the attempt fails.
        """
        wait_s = self._context.reconnect.wait_s(failures, time.monotonic())
        if until is None:
            await asyncio.sleep(wait_s)
        elif await _first_of((until.wait(),), wait_s):
            self._context.reconnect.give_back()
            return None
        connection = await open_connection(
            self._url, self._settings, self._context.on_message, self._on_closed
        )
        self.counts.connects += 1
        self._context.on_connect()
        if connection.closed.is_set():
            # It may have ended before we heard that it was open.
            return connection
        self._open.append(connection)
        if self.connected_since_ms is None:
            self.connected_since_ms = self._context.now_ms()
        if self._is_paused:
            connection.pause()
        return connection

    def _on_closed(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.remove(connection)
        if not self._open:
            self.connected_since_ms = None


async def _first_of(waits: Sequence[object], timeout_s: float) -> bool:
    """Wait for the first of some coroutines, bounded; tell whether one came."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload] # coroutines
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in tasks:
            task.cancel()
