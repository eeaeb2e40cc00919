"""What the players share: trades with their faults, closed klines, counts, and the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exchange import wire
from exchange.bars import Bar
from exchange.faults import TradeFault
from exchange.hub import Hub
from exchange.intervals import HOURLY
from exchange.listings import Listing
from exchange.trade_faults import Sending, TradeFaults, TradeMessage, WaitingFault, spoilt


@dataclass(frozen=True, slots=True)
class SentClose:
    """When a closed kline first went out to any websocket, wall time in epoch ms."""

    symbol: str
    open_time_ms: int
    sent_wall_ms: int


class Broadcast:
    """Sends trades and klines to the hub, counts them and notes when hours were closed."""

    def __init__(self, hub: Hub, faults: TradeFaults) -> None:
        self.hub = hub
        self.faults = faults
        self.trades_sent = 0
        self.klines_closed = 0
        self.is_finished = False
        self.closes: list[SentClose] = []
        self._closing: list[tuple[str, int]] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Write everything that is published inside in one go, then note the closed klines."""
        yield
        self.hub.flush()
        if self._closing:
            now_ms = time.time_ns() // 1_000_000
            self.closes += [SentClose(symbol, open_ms, now_ms) for symbol, open_ms in self._closing]
            self._closing.clear()

    def trade(
        self,
        trade: TradeMessage,
        event_ms: int,
        payload: bytes | None = None,
        wrapped: bytes | None = None,
    ) -> None:
        """Publish a trade, or what a waiting fault makes of it; then do what was to follow it.

        ``payload`` and ``wrapped`` are the original bytes, where there are some.
        """
        if trade.symbol not in self.faults.armed:
            self.plain_trade(trade.stream, payload or trade.payload(event_ms), wrapped)
            return
        self.trades_sent += 1
        held = self.faults.release(trade.symbol)
        if self.hub.has_listeners(trade.stream):
            original = Sending(payload or trade.payload(event_ms), wrapped)
            if held is None:
                self._send(self.faults.take(trade.symbol), trade, event_ms, original)
            else:
                self._publish(trade.stream, [original, held])
        for watch in self.faults.reached(trade.symbol, trade.trade_id):
            self.hub.flush()
            watch.act()
        self.faults.settle(trade.symbol)

    def plain_trade(self, stream: str, payload: bytes, wrapped: bytes | None = None) -> None:
        """Publish a trade of a symbol for which nothing waits."""
        self.trades_sent += 1
        self.hub.publish(stream, payload, wrapped)

    def _send(
        self, fault: WaitingFault | None, trade: TradeMessage, event_ms: int, original: Sending
    ) -> None:
        kind = fault.kind if fault else None
        if fault is None:
            self._publish(trade.stream, [original])
        elif kind is TradeFault.REORDER:
            self.faults.hold(trade.symbol, original)
        elif kind is TradeFault.DELAY:
            self._later(fault.delay_ms / 1000, trade.stream, original)
        elif kind is TradeFault.TRUNCATED_FRAME:
            self.hub.cut_within(trade.stream, original.payload)
        else:
            self._publish(trade.stream, spoilt(fault.kind, trade, event_ms, original))

    def _publish(self, stream: str, sendings: list[Sending]) -> None:
        for sending in sendings:
            self.hub.publish(stream, sending.payload, sending.wrapped)

    def _later(self, wait_s: float, stream: str, sending: Sending) -> None:
        def send() -> None:
            self._publish(stream, [sending])
            self.hub.flush()

        asyncio.get_running_loop().call_later(wait_s, send)

    def kline(self, listing: Listing, bar: Bar, event_ms: int, *, is_closed: bool) -> None:
        """Publish an hourly kline; a closed one is counted, and noted if anybody listens."""
        stream = kline_stream(listing.symbol)
        self.klines_closed += is_closed
        if not self.hub.has_listeners(stream):
            return
        if is_closed and self.faults.take_kline(listing.symbol):
            return
        self.hub.publish(
            stream, wire.kline_event(listing, bar, HOURLY.name, event_ms, is_closed=is_closed)
        )
        if is_closed:
            self._closing.append((listing.symbol, bar.open_ms))


def trade_stream(symbol: str) -> str:
    """Return the name of a symbol's trade stream."""
    return f"{symbol.lower()}@trade"


def kline_stream(symbol: str) -> str:
    """Return the name of a symbol's hourly kline stream."""
    return f"{symbol.lower()}@kline_{HOURLY.name}"


def aggregate_stream(symbol: str) -> str:
    """Return the name of a symbol's aggregate trade stream."""
    return f"{symbol.lower()}@aggTrade"
