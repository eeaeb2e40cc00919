"""One look at Postgres for all listeners, and each listener's own way through the events.

Guarantee: a listener is told each event that it wants once, in order, from its position on; one that
reconnects with the id of the last event it received misses none and gets none twice. Slow listeners hold
nobody up: what has left the shared memory they read from Postgres.
"""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from anyio import to_thread
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.errors import StoreError, StoreReplacedError
from api.events.positions import Position, position_at
from api.events.told import (
    Event,
    Wanted,
    candle_event,
    forecast_event,
    greeting,
    in_order,
    keepalive,
    reset,
    trouble,
)
from api.queries import events as queries
from api.store import Store
from api.wire import parsed_time
from conf.api import ApiSettings

log = structlog.get_logger(__name__)

KEPT_EVENTS = 5_000
"""Some 5 MB; a market of 500 symbols tells 1,000 events an hour beside its running hours."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order.

    Attributes:
        events: what was found behind a place.
        end: the place behind all that was looked at.
        is_all: whether there was no more.
        next_xid: first transaction that had not begun at `now`.
        now: Postgres' clock.
    """

    events: list[Event]
    end: Position
    is_all: bool
    next_xid: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Opening:
    """What a new listener is told first.

    Attributes:
        source: where the figures come from.
        newest: the place of what is written from now on.
        start: where it goes on.
        missed: why it could not go on from where it was; None if it could.
    """

    source: dict[str, Any]
    newest: Position
    start: Position
    missed: str | None


class Hub:
    """Asks Postgres for new events while anyone listens, and shares them among the listeners.

    Lives in one event loop; queries run on threads.
    """

    def __init__(self, store: Store, settings: ApiSettings) -> None:
        self._store = store
        self._settings = settings
        self._events: list[Event] = []
        self._floor: Position | None = None  # all events from here on are in memory; None: idle
        self._end = Position(0)
        self._listeners = 0
        self._is_closing = False
        self._databases = 0  # how many were met; streams of a former one end
        self._marks: list[tuple[int, datetime]] = []
        self._news = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None

    @property
    def listeners(self) -> int:
        """How many streams wait for events."""
        return self._listeners

    def close(self) -> None:
        """End all streams at once; those who listened come again and resume."""
        self._is_closing = True
        self._tell_all()

    async def open(self, last: Position | None) -> Opening:
        """Return what a listener is told first.

        Args:
            last: position of the last event that it received, or None.

        Raises:
            StoreError: if Postgres cannot answer.
        """
        row = await to_thread.run_sync(self._store.glance, queries.opening)
        now = parsed_time(row["now"])
        newest = position_at(row["horizon"], now - queries.LONGEST_TRANSACTION)
        missed = None if last is None else self._missed(last, now, row["next"])
        source = {name: row[name] for name in ("namespace", "venue", "source_label", "speed")}
        return Opening(source, newest, newest if last is None or missed else last, missed)

    def _missed(self, last: Position, now: datetime, next_xid: int) -> str | None:
        hours = self._settings.sse_resume_hours
        if last.xid > next_xid:
            return "the last event is of another database"
        if now - last.since > timedelta(hours=hours):
            return f"the last event is older than {hours:g} hours"
        return None

    async def stream(
        self, opening: Opening, wanted: Wanted, *, follow: bool
    ) -> AsyncIterator[bytes]:
        """Yield a stream's bytes until the listener goes, the hub closes or, unless it follows, all is told."""
        yield greeting(opening.source, opening.start)
        if opening.missed:
            yield reset(opening.missed, opening.start)
        if not follow:
            async for told in self._told_so_far(opening.start, wanted):
                yield told
            return
        self._join(opening.newest)
        try:
            async for told in self._told(opening.start, wanted):
                yield told
        finally:
            self._leave()

    async def _told_so_far(self, place: Position, wanted: Wanted) -> AsyncIterator[bytes]:
        """Yield what there is behind a place, then the place to resume."""
        is_all = False
        while not (is_all or self._is_closing):
            try:
                batch = await self._read(place)
            except StoreError as error:
                yield trouble(f"{error.code}: {error}")
                return
            if told := _wire(batch, wanted):
                yield told
            place, is_all = batch.end, batch.is_all
        yield keepalive(place)

    async def _told(self, place: Position, wanted: Wanted) -> AsyncIterator[bytes]:
        """Yield what there is behind a place and what comes, and signs of life between."""
        settings, database = self._settings, self._databases
        while not self._is_closing and database == self._databases:
            news = self._news  # taken before the look, so that nothing falls between the two
            try:
                batch = await self._look(place)
            except StoreReplacedError:
                return  # who comes back with the last id is told to begin anew
            except StoreError as error:
                yield trouble(f"{error.code}: {error}")
                await _wait(news, settings.sse_poll_s)
                continue
            if told := _wire(batch, wanted):
                yield told
            place = batch.end
            if batch.is_all and not await _wait(news, settings.sse_keepalive_s):
                yield keepalive(place)

    def _join(self, newest: Position) -> None:
        self._listeners += 1
        if self._polling is None:
            # Whoever wants older events reads them from Postgres up to here.
            self._events, self._floor, self._end, self._marks = [], newest, newest, []
            self._polling = asyncio.create_task(self._poll())

    def _leave(self) -> None:
        self._listeners -= 1
        if not self._listeners and self._polling is not None:
            self._polling.cancel()
            self._polling, self._floor = None, None

    async def _poll(self) -> None:
        is_failing = False
        while not self._is_closing:
            try:
                batch = await self._read(self._end)
            except StoreReplacedError as error:
                log.warning("events_begin_anew", error=str(error))
                self._databases += 1
                self._polling, self._floor = None, None
                self._tell_all()
                return
            except StoreError as error:
                if not is_failing:
                    log.warning("events_not_read", error=str(error))
                is_failing = True
            else:
                is_failing = False
                self._keep(batch)
                if not batch.is_all:
                    continue
            await asyncio.sleep(self._settings.sse_poll_s)

    def _keep(self, batch: Batch) -> None:
        self._end = self._with_since(batch)
        if not batch.events:
            return
        self._events += batch.events
        surplus = len(self._events) - KEPT_EVENTS
        if surplus > 0:
            self._floor = self._events[surplus - 1].position  # the last one that is forgotten
            del self._events[:surplus]
        self._tell_all()

    def _with_since(self, batch: Batch) -> Position:
        """Return the batch's end with the latest moment at which its transaction had not begun.

        However long some transaction lasts, everything from the end on was written after that.
        """
        self._marks.append((batch.next_xid, batch.now))
        while len(self._marks) > 1 and self._marks[1][0] <= batch.end.xid:
            del self._marks[0]
        next_xid, time = self._marks[0]
        return position_at(batch.end.xid, time) if next_xid <= batch.end.xid else batch.end

    def _tell_all(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _look(self, place: Position) -> Batch:
        """Return what follows a place: from memory if it reaches back so far, else from Postgres."""
        if self._floor is not None and place >= self._floor:
            first = bisect.bisect_right(self._events, place, key=lambda event: event.position)
            end = self._end if self._end >= place else place
            return Batch(self._events[first:], end, True, 0, end.since)
        return await self._read(place)

    async def _read(self, place: Position) -> Batch:
        return await to_thread.run_sync(self._store.read, reader(place))


def _wire(batch: Batch, wanted: Wanted) -> bytes:
    return b"".join(event.wire for event in batch.events if event in wanted)


async def _wait(news: asyncio.Event, seconds: float) -> bool:
    """Wait for news; return whether they came in time."""
    with suppress(TimeoutError):
        await asyncio.wait_for(news.wait(), seconds)
    return news.is_set()


def reader(place: Position) -> Callable[[Connection], Batch]:
    """Return the work that reads the events behind a place."""

    def read(connection: Connection) -> Batch:
        written = queries.written_since(connection, place.xid, place.since)
        if written.next < place.xid:
            message = f"transaction {place.xid} was met, but {written.next} has not begun"
            raise StoreReplacedError(message)
        events = [candle_event(row, place.since_ms) for row in written.candles]
        events += [forecast_event(row, place.since_ms) for row in written.forecasts]
        behind = [event for event in in_order(events) if event.position > place]
        now = parsed_time(written.now)
        since = place.since
        if written.is_all:
            since = max(since, now - queries.LONGEST_TRANSACTION)
        end = position_at(written.end, since)
        end = end if end >= place else place
        return Batch(behind, end, written.is_all, written.next, now)

    return read
