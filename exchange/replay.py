"""Replays a capture: each message at its event time by the exchange's clock, unchanged."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from conf.names import HOUR_MS, hour_open_ms
from exchange.bars import HourState
from exchange.broadcast import Broadcast, kline_stream
from exchange.capture import Capture, CapturedMessage, CaptureSeries
from exchange.clock import Clock
from exchange.trade_faults import TradeMessage

_SHORTEST_TURN_S = 0.01
_LONGEST_TURN_S = 0.25
_MOST_PER_TURN = 2_000


@dataclass(frozen=True, slots=True)
class DerivedClose:
    """A closed kline that the capture does not hold: sent after `after` messages, when due."""

    after: int
    due_ms: int
    symbol: str
    open_ms: int


def derived_closes(capture: Capture, series: Mapping[str, CaptureSeries]) -> list[DerivedClose]:
    """Return the closed klines of hours that ended inside the capture, in order of sending.

    An hour closes after its last captured trade, even if that was sent past the hour's end.
    Symbols whose `@kline_1h` is in the capture have none.
    """
    streams = {message.stream for message in capture.messages}
    dues = [message.due_ms for message in capture.messages]
    last_trade: dict[tuple[str, int], int] = {}
    for index, message in enumerate(capture.messages):
        if message.trade is not None:
            last_trade[message.trade.symbol, hour_open_ms(message.trade.time_ms)] = index
    closes = []
    for symbol, one in series.items():
        if kline_stream(symbol) in streams:
            continue
        for open_ms in range(one.first_open_ms, capture.end_ms + 1 - HOUR_MS, HOUR_MS):
            if one.state(open_ms) is HourState.ABSENT:
                continue
            end_ms = open_ms + HOUR_MS
            after = max(bisect_right(dues, end_ms - 1), last_trade.get((symbol, open_ms), -1) + 1)
            due_ms = max(end_ms, dues[after - 1] if after else end_ms)
            closes.append(DerivedClose(after, due_ms, symbol, open_ms))
    return sorted(closes, key=lambda close: (close.after, close.due_ms))


class ReplayPlayer:
    """Streams a capture once, then says that it is finished."""

    def __init__(
        self,
        capture: Capture,
        series: Mapping[str, CaptureSeries],
        clock: Clock,
        broadcast: Broadcast,
        kline_interval_s: float,
    ) -> None:
        self._capture = capture
        self._series = series
        self._clock = clock
        self._broadcast = broadcast
        self._kline_interval_s = kline_interval_s
        self._next_update_s = 0.0
        self._shown: dict[str, int] = {}
        streams = {message.stream for message in capture.messages}
        self._derived = [name for name in series if kline_stream(name) not in streams]

    async def run(self) -> None:
        """Play to the end; return then. Waits for the clock to be started."""
        await self._clock.started()
        messages = self._capture.messages
        closes = derived_closes(self._capture, self._series)
        position = closed = 0
        while position < len(messages) or closed < len(closes):
            now = self._clock.now_ms()
            stop = position + _MOST_PER_TURN
            with self._broadcast.turn():
                while position < min(stop, len(messages)) or closed < len(closes):
                    is_close = closed < len(closes) and closes[closed].after <= position
                    if not is_close and position >= len(messages):
                        break
                    due = closes[closed].due_ms if is_close else messages[position].due_ms
                    if due > now or position >= stop:
                        break
                    if is_close:
                        self._close(closes[closed])
                        closed += 1
                    else:
                        self._send(messages[position])
                        position += 1
                self._update_klines(now)
            await self._rest(position, closed, closes)
        self._clock.stop(self._capture.end_ms)
        self._broadcast.is_finished = True

    async def _rest(self, position: int, closed: int, closes: list[DerivedClose]) -> None:
        messages = self._capture.messages
        due = [messages[position].due_ms] if position < len(messages) else []
        due += [closes[closed].due_ms] if closed < len(closes) else []
        wait_s = self._clock.wall_s_until(min(due)) if due else 0.0
        await asyncio.sleep(min(max(wait_s, _SHORTEST_TURN_S), _LONGEST_TURN_S))

    def _send(self, message: CapturedMessage) -> None:
        trade = message.trade
        if trade is None:
            self._broadcast.hub.publish(message.stream, message.data, message.wrapped)
            return
        shown = TradeMessage(
            trade.symbol,
            message.stream,
            trade.trade_id,
            trade.price,
            trade.quantity,
            trade.time_ms,
            trade.buyer_is_maker,
        )
        self._broadcast.trade(shown, message.due_ms, message.data, message.wrapped)

    def _close(self, close: DerivedClose) -> None:
        series = self._series[close.symbol]
        bar = series.closed_bar(close.open_ms)
        self._broadcast.kline(series.listing, bar, self._clock.now_ms(), is_closed=True)

    def _update_klines(self, now_ms: int) -> None:
        now_s = time.monotonic()
        if now_s < self._next_update_s:
            return
        self._next_update_s = now_s + self._kline_interval_s
        for symbol in self._derived:
            bar = self._series[symbol].bar(hour_open_ms(now_ms), now_ms)
            if bar is None or not bar.trades or self._shown.get(symbol) == bar.last_id:
                continue
            self._shown[symbol] = bar.last_id
            self._broadcast.kline(self._series[symbol].listing, bar, now_ms, is_closed=False)
