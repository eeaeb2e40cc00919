"""Live trading: sends each hour's trades when the clock reaches them, and closes the hour."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable

from conf.names import HOUR_MS
from exchange.bars import HourState
from exchange.book import Book
from exchange.broadcast import Broadcast
from exchange.clock import Clock
from exchange.kline_streams import KlineStreams
from exchange.voices import Voice, schedule

# Trades that fall into one turn are written together; longer turns would let latency show.
_SHORTEST_TURN_S = 0.01
_LONGEST_TURN_S = 0.25
_MOST_PER_TURN = 2_000


class LivePlayer:
    """Streams the book's live hours, one after the other, for ever or to the book's end.

    Args:
        book: whose hours are played. Hours that change while they play are read again.
        clock: the exchange's.
        broadcast: where they go.
        kline_interval_s: wall seconds between updates of an open kline.
        is_listed: whether the exchange knows a symbol; others are silent.
    """

    def __init__(
        self,
        book: Book,
        clock: Clock,
        broadcast: Broadcast,
        kline_interval_s: float,
        is_listed: Callable[[str], bool],
    ) -> None:
        self._book = book
        self._clock = clock
        self._broadcast = broadcast
        self._kline_interval_s = kline_interval_s
        self._is_listed = is_listed
        self._next_update_s = 0.0
        self._other_klines = KlineStreams(book.series, broadcast.hub, kline_interval_s, is_listed)

    async def run(self) -> None:
        """Play until the book ends; return then. Waits for the clock to be started."""
        await self._clock.started()
        open_ms = self._book.live_start_ms
        made, voices = self._made(open_ms)
        while not self._is_past_end(open_ms):
            if made != self._versions():
                made, voices = self._made(open_ms)
            # The next hour is made while this one plays: a busy one takes longer than a turn.
            following = asyncio.create_task(asyncio.to_thread(self._made, open_ms + HOUR_MS))
            await self._play(open_ms, voices)
            self._close(open_ms)
            made, voices = await following
            open_ms += HOUR_MS
        self._clock.stop(open_ms)
        self._broadcast.is_finished = True

    def _is_past_end(self, open_ms: int) -> bool:
        for series in self._book.series.values():
            series.state(open_ms)  # grows the series, so that it meets its end
        ends = [series.end_ms() for series in self._book.series.values()]
        return all(end is not None and end <= open_ms for end in ends)

    def _versions(self) -> list[int]:
        return [series.version for series in self._book.series.values()]

    def _made(self, open_ms: int) -> tuple[list[int], list[Voice]]:
        versions = self._versions()
        voices = [
            Voice(series, hour, version)
            for series, version in zip(self._book.series.values(), versions, strict=True)
            if (hour := series.trades(open_ms)) is not None
        ]
        return versions, voices

    async def _play(self, open_ms: int, voices: list[Voice]) -> None:
        times, speakers = schedule(voices)
        position = 0
        while True:
            if any(voice.version != voice.series.version for voice in voices):
                voices = [one for voice in voices if (one := _current(voice)) is not None]
                times, speakers = schedule(voices)
                position = 0
            now = self._clock.now_ms()
            due = min(bisect_right(times, now, position), position + _MOST_PER_TURN)
            is_behind = due - position == _MOST_PER_TURN
            with self._broadcast.turn():
                self._send(voices, speakers, position, due, now)
                self._send_derived(voices, now)
                self._update_klines(voices, now)
                if not is_behind:
                    self._other_klines.turn(now)
            position = due
            if position == len(times) and now >= open_ms + HOUR_MS:
                return
            following = times[position] if position < len(times) else open_ms + HOUR_MS
            await self._rest(0.0 if is_behind else self._clock.wall_s_until(following))

    def _send(
        self, voices: list[Voice], speakers: list[int], begin: int, end: int, now_ms: int
    ) -> None:
        armed = self._broadcast.faults.armed
        plain_trade = self._broadcast.plain_trade
        head = f'{{"e":"trade","E":{now_ms},'
        for index in range(begin, end):
            voice = voices[speakers[index]]
            if voice.symbol in armed:
                self._broadcast.trade(voice.next_message(), now_ms)
            else:
                plain_trade(voice.stream, (head + voice.tails[voice.sent]).encode())
                voice.sent += 1

    async def _rest(self, wait_s: float) -> None:
        await asyncio.sleep(min(max(wait_s, _SHORTEST_TURN_S), _LONGEST_TURN_S))

    def _send_derived(self, voices: list[Voice], now_ms: int) -> None:
        """Send the taker orders and book tickers that the trades of this turn have led to."""
        hub = self._broadcast.hub
        for voice in voices:
            is_heard = hub.has_listeners(voice.order_stream)
            while voice.order < len(voice.ends) and voice.ends[voice.order] <= voice.sent:
                if is_heard:
                    hub.publish(voice.order_stream, voice.order_payload(now_ms))
                voice.order += 1
            if hub.has_listeners(voice.book_stream):
                for position in range(voice.ticked, voice.sent):
                    hub.publish(voice.book_stream, voice.book_payload(position))
            voice.ticked = voice.sent

    def _update_klines(self, voices: list[Voice], now_ms: int) -> None:
        now_s = time.monotonic()
        if now_s < self._next_update_s:
            return
        self._next_update_s = now_s + self._kline_interval_s
        for voice in voices:
            is_heard = self._broadcast.hub.has_listeners(voice.kline_stream)
            if is_heard and voice.sent > voice.shown and self._is_listed(voice.symbol):
                voice.shown = voice.sent
                bar = voice.hour.bar(0, voice.sent, voice.hour.open_ms, HOUR_MS)
                self._broadcast.kline(voice.series.listing, bar, now_ms, is_closed=False)

    def _close(self, open_ms: int) -> None:
        with self._broadcast.turn():
            for symbol, series in self._book.series.items():
                if series.state(open_ms) is not HourState.ABSENT and self._is_listed(symbol):
                    bar = series.closed_bar(open_ms)
                    now = self._clock.now_ms()
                    self._broadcast.kline(series.listing, bar, now, is_closed=True)


def _current(voice: Voice) -> Voice | None:
    """Return a voice with its hour as the book has it now, None if it trades no more."""
    if voice.version == voice.series.version:
        return voice
    hour = voice.series.trades(voice.hour.open_ms)
    if hour is voice.hour:
        voice.version = voice.series.version
        return voice
    return voice.shortened(hour) if hour is not None else None
