"""One session: streams, questions to REST and the sink, from a tail to the end of the series."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from confluent_kafka import Producer

from conf.abort import AbortSwitch
from conf.contracts.incidents import IncidentKind
from conf.names import HOUR_MS
from conf.producer import ProducerSettings
from producers.backfill import Backfill
from producers.clock import KeptClock
from producers.errors import SinkBrokenError
from producers.feed import Feed
from producers.incidents import IncidentLog
from producers.kafka_producer import SinkConfig
from producers.kafka_sink import Item, KafkaSink
from producers.lifecycle import Lifecycle
from producers.messages import Parser
from producers.outbox import Outbox
from producers.questions import Policy, Start
from producers.reconnect import Reconnect
from producers.rest_client import RestClient
from producers.router import Router
from producers.sequence import Sequencer
from producers.start import resumed, start_at
from producers.stream_client import StreamClient, StreamContext
from producers.tail import Tail
from producers.totals import Totals
from producers.urls import stream_urls

log = structlog.get_logger(__name__)

# After the last message of a capture: how long its missing trades and hours are still asked for.
END_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What a session uses and does not own."""

    settings: ProducerSettings
    ws_url: str
    parser: Parser
    policy: Policy
    clock: KeptClock
    rest: RestClient
    reconnect: Reconnect
    totals: Totals
    incidents: IncidentLog
    abort: AbortSwitch


class Session:
    """Use `open`, then `run` once."""

    def __init__(
        self,
        parts: SessionParts,
        sink: KafkaSink,
        sequencers: Mapping[str, Sequencer],
        resume_hours: Mapping[str, int],
    ) -> None:
        self._parts = parts
        self._sink = sink
        self._sequencers = sequencers
        self._router = Router(parts.parser, sequencers)
        self._now_ms = parts.clock.now_ms
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._background: set[asyncio.Task[None]] = set()
        settings = parts.settings
        context = StreamContext(
            settings,
            parts.reconnect,
            parts.incidents,
            self._now_ms,
            self._on_message,
            self._on_connect,
        )
        urls = stream_urls(parts.ws_url, list(sequencers), settings.max_url_length)
        self._clients = [StreamClient(url, symbols, context) for url, symbols in urls]
        self._outbox = Outbox(sink, self._clients)
        self._backfill = Backfill(
            parts.rest,
            parts.parser,
            sequencers,
            self._outbox.put,
            self._now_ms,
            settings.tick_s,
            resume_hours,
            parts.abort,
        )
        self._feed = Feed(settings.shard, sequencers, self._clients)
        self._lifecycle = Lifecycle(
            parts.rest, settings, sequencers, self._clients, parts.incidents
        )

    @classmethod
    async def open(
        cls,
        parts: SessionParts,
        sink_config: SinkConfig,
        producer: Producer,
        tails: Mapping[str, Tail],
    ) -> Session:
        """Return a session that goes on from the tails.

        Raises:
            RestError: if REST must be asked where a series began, and does not answer.
        """
        sequencers: dict[str, Sequencer] = {}
        resume_hours: dict[str, int] = {}
        for symbol, tail in tails.items():
            start = await _start_of(parts.rest, symbol, tail)
            if start is None and tail.last_close is not None:
                resume_hours[symbol] = tail.last_close.open_time_ms + HOUR_MS
            sequencers[symbol] = Sequencer(symbol, parts.policy, start)
        parts.totals.start_session(sequencers.values())
        sink = KafkaSink(sink_config, producer, parts.totals.sink, parts.abort)
        log.info("session starts", resumed=[s for s, q in sequencers.items() if q.last_id])
        return cls(parts, sink, sequencers, resume_hours)

    def is_healthy(self) -> bool:
        """Tell whether all streams are open and Kafka takes records."""
        return not self._sink.failure.done() and all(c.is_open for c in self._clients)

    async def run(self) -> None:
        """Work until the series ends; when cancelled, commit what was received and return.

        Raises:
            FencedError: if a newer instance took over.
            SinkBrokenError: if a new session must start.
        """
        streams = [asyncio.create_task(client.run()) for client in self._clients]
        settings = self._parts.settings
        helpers = [
            asyncio.create_task(self._backfill.run()),
            asyncio.create_task(self._parts.clock.keep(settings.clock_sync_s, self._is_idle)),
            asyncio.create_task(self._lifecycle.run()),
            asyncio.create_task(self._report()),
        ]
        try:
            await self._watch(streams, helpers)
            await self._finish_series()
        except asyncio.CancelledError:
            self._parts.incidents.report(IncidentKind.STOPPED, "asked to stop")
            raise
        finally:
            for task in (*streams, *helpers, *self._background):
                task.cancel()
            await asyncio.gather(*streams, *helpers, *self._background, return_exceptions=True)
            self._outbox.offer([*self._parts.incidents.take(), *self._feed.stopped(self._now_ms())])
            self._outbox.flush()
            await self._sink.close()

    def _is_idle(self) -> bool:
        return all(sequencer.counts.received == 0 for sequencer in self._sequencers.values())

    async def _watch(
        self, streams: Sequence[asyncio.Task[None]], helpers: Sequence[asyncio.Task[None]]
    ) -> None:
        """Return when all streams have ended; raise what breaks first."""
        running = set(streams)
        while running:
            watched: list[asyncio.Future[Any]] = [
                *running,
                self._sink.failure,
                self._failure,
                *helpers,
            ]
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if self._sink.failure.done():
                # First: whoever wanted to hand over records failed only in its wake.
                self._sink.failure.result()
            for future in done:
                future.result()
            running.difference_update(done)

    def _on_message(self, raw: bytes) -> None:
        abort = self._parts.abort
        if abort:
            abort.at("received")
        try:
            items: Sequence[Item] = self._router.handle(raw, self._now_ms())
        except Exception as error:
            # In a callback of the websocket library; it would only drop the connection.
            if not self._failure.done():
                self._failure.set_exception(error)
            return
        if items:
            if abort:
                abort.at("sequenced")
            self._outbox.offer(items)

    def _on_connect(self) -> None:
        self._parts.totals.connects += 1
        task = asyncio.create_task(self._parts.clock.try_sync())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _report(self) -> None:
        """Publish incidents soon after they happen, and each symbol's status every while."""
        settings, incidents = self._parts.settings, self._parts.incidents
        due_s = 0.0
        while True:
            for sequencer in self._sequencers.values():
                if sequencer.incidents:
                    incidents.add(sequencer.take_incidents())
            items: list[Item] = list(incidents.take())
            now_s = time.monotonic()
            if now_s >= due_s:
                due_s = now_s + settings.feed_interval_s
                items += self._feed.statuses(self._now_ms())
            if items:
                await self._outbox.put(items)
            await asyncio.sleep(settings.tick_s)

    async def _finish_series(self) -> None:
        """After the exchange's "end of capture": ask for what is missing, then mark the ends."""
        give_up_s = time.monotonic() + END_WAIT_S
        while not self._backfill.is_idle() and time.monotonic() < give_up_s:
            await asyncio.sleep(self._parts.settings.tick_s)
        now_ms = self._now_ms()
        for sequencer in self._sequencers.values():
            outputs = sequencer.end(now_ms)
            if outputs:
                await self._outbox.put(outputs)
        log.info("series ended")


async def _start_of(rest: RestClient, symbol: str, tail: Tail) -> Start | None:
    start = resumed(tail)
    if start is None or tail.last_close is not None:
        return start
    if start.expected_first is None:
        text = f"the topic has ids of {symbol} but no first one"
        raise SinkBrokenError(text)
    # The first hour is still open: does it hold trades before the series' first one?
    begun = await start_at(rest, symbol, start.expected_first, start.next_hour_ms)
    return replace(start, begins_at_id=begun.begins_at_id and start.expected_first)
