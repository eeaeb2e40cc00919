"""Live trading: sends each hour's trades when the clock reaches them, and closes the hour."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from conf.names import HOUR_MS
from exchange import wire
from exchange.bars import HourState
from exchange.book import Book
from exchange.broadcast import (
    Broadcast,
    TradeMessage,
    aggregate_stream,
    kline_stream,
    trade_stream,
)
from exchange.clock import Clock
from exchange.kline_streams import KlineStreams
from exchange.series import HourTrades, Series

# Trades that fall into one turn are written together; longer turns would let latency show.
_SHORTEST_TURN_S = 0.01
_LONGEST_TURN_S = 0.25
_MOST_PER_TURN = 2_000


@dataclass
class _Voice:
    """One symbol during one hour: its trades as texts, and how far they were sent."""

    series: Series
    hour: HourTrades
    sent: int = 0
    shown: int = 0  # trades in the last kline update
    order: int = 0  # next taker order to send
    rows: list[tuple[int, str, str, int, bool]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        listing, hour = self.series.listing, self.hour
        self.symbol = listing.symbol
        self.stream = trade_stream(listing.symbol)
        self.rows = list(
            zip(
                hour.trade_id.tolist(),
                map(listing.price_text, hour.price.tolist()),
                map(listing.quantity_text, hour.quantity.tolist()),
                hour.time_ms.tolist(),
                hour.buyer_is_maker.tolist(),
                strict=True,
            )
        )
        self.ends = hour.order_ends.tolist()

    def next_trade(self) -> TradeMessage:
        row = self.rows[self.sent]
        self.sent += 1
        return TradeMessage(self.symbol, self.stream, *row)


class LivePlayer:
    """Streams the book's live hours, one after the other, for ever or to the book's end."""

    def __init__(
        self, book: Book, clock: Clock, broadcast: Broadcast, kline_interval_s: float
    ) -> None:
        self._book = book
        self._clock = clock
        self._broadcast = broadcast
        self._kline_interval_s = kline_interval_s
        self._next_update_s = 0.0
        self._other_klines = KlineStreams(book.series, broadcast.hub, kline_interval_s)

    async def run(self) -> None:
        """Play until the book ends; return then. Waits for the clock to be started."""
        await self._clock.started()
        open_ms = self._book.live_start_ms
        voices = self._voices(open_ms)
        while not self._is_past_end(open_ms):
            # The next hour is made while this one plays: a busy one takes longer than a turn.
            following = asyncio.create_task(asyncio.to_thread(self._voices, open_ms + HOUR_MS))
            await self._play(open_ms, voices)
            self._close(open_ms)
            voices = await following
            open_ms += HOUR_MS
        self._clock.stop(open_ms)
        self._broadcast.is_finished = True

    def _is_past_end(self, open_ms: int) -> bool:
        for series in self._book.series.values():
            series.state(open_ms)  # grows the series, so that it meets its end
        ends = [series.end_ms() for series in self._book.series.values()]
        return all(end is not None and end <= open_ms for end in ends)

    def _voices(self, open_ms: int) -> list[_Voice]:
        return [
            _Voice(series, hour)
            for series in self._book.series.values()
            if (hour := series.trades(open_ms)) is not None
        ]

    async def _play(self, open_ms: int, voices: list[_Voice]) -> None:
        times, speakers = _schedule(voices)
        position = 0
        while True:
            now = self._clock.now_ms()
            due = min(bisect_right(times, now, position), position + _MOST_PER_TURN)
            with self._broadcast.turn():
                for index in range(position, due):
                    voice = voices[speakers[index]]
                    self._broadcast.trade(voice.next_trade(), now)
                self._send_orders(voices, now)
                self._update_klines(voices, now)
                is_behind = due - position == _MOST_PER_TURN
                if not is_behind:
                    self._other_klines.turn(now)
            position = due
            if position == len(times) and now >= open_ms + HOUR_MS:
                return
            following = times[position] if position < len(times) else open_ms + HOUR_MS
            await self._rest(0.0 if is_behind else self._clock.wall_s_until(following))

    async def _rest(self, wait_s: float) -> None:
        await asyncio.sleep(min(max(wait_s, _SHORTEST_TURN_S), _LONGEST_TURN_S))

    def _send_orders(self, voices: list[_Voice], now_ms: int) -> None:
        for voice in voices:
            stream = aggregate_stream(voice.symbol)
            is_heard = self._broadcast.hub.has_listeners(stream)
            while voice.order < len(voice.ends) and voice.ends[voice.order] <= voice.sent:
                if is_heard:
                    self._broadcast.hub.publish(stream, _order_payload(voice, now_ms))
                voice.order += 1

    def _update_klines(self, voices: list[_Voice], now_ms: int) -> None:
        now_s = time.monotonic()
        if now_s < self._next_update_s:
            return
        self._next_update_s = now_s + self._kline_interval_s
        for voice in voices:
            is_heard = self._broadcast.hub.has_listeners(kline_stream(voice.symbol))
            if is_heard and voice.sent > voice.shown:
                voice.shown = voice.sent
                bar = voice.hour.bar(0, voice.sent, voice.hour.open_ms, HOUR_MS)
                self._broadcast.kline(voice.series.listing, bar, now_ms, is_closed=False)

    def _close(self, open_ms: int) -> None:
        with self._broadcast.turn():
            for series in self._book.series.values():
                if series.state(open_ms) is not HourState.ABSENT:
                    bar = series.closed_bar(open_ms)
                    now = self._clock.now_ms()
                    self._broadcast.kline(series.listing, bar, now, is_closed=True)


def _schedule(voices: list[_Voice]) -> tuple[list[int], list[int]]:
    """Return all trades' times in order, and whose each one is."""
    if not voices:
        return [], []
    times = np.concatenate([voice.hour.moments() for voice in voices])
    speakers = np.repeat(np.arange(len(voices)), [len(voice.rows) for voice in voices])
    # A stable sort keeps each symbol's trades in order of id.
    order = np.argsort(times, kind="stable")
    return times[order].tolist(), speakers[order].tolist()


def _order_payload(voice: _Voice, now_ms: int) -> bytes:
    end = voice.ends[voice.order]
    begin = voice.ends[voice.order - 1] if voice.order else 0
    hour = voice.hour
    return wire.aggregate_event(
        voice.series.listing,
        now_ms,
        hour.first_order_id + voice.order,
        int(hour.price[begin]),
        int(hour.quantity[begin:end].sum()),
        (int(hour.trade_id[begin]), int(hour.trade_id[end - 1])),
        int(hour.time_ms[begin]),
        bool(hour.buyer_is_maker[begin]),
    )
