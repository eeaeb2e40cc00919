"""What the players share: trades with their faults, closed klines, counts, and the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exchange import wire
from exchange.bars import Bar
from exchange.faults import FaultKind, Faults
from exchange.hub import Hub
from exchange.intervals import HOURLY
from exchange.listings import Listing

_YEAR_MS = 365 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class SentClose:
    """When a closed kline first went out to any websocket, wall time in epoch ms."""

    symbol: str
    open_time_ms: int
    sent_wall_ms: int


@dataclass(frozen=True, slots=True)
class TradeMessage:
    """One trade as the stream shows it; texts are those of the wire."""

    symbol: str
    stream: str
    trade_id: int
    price: str
    quantity: str
    time_ms: int
    buyer_is_maker: bool

    def payload(
        self, event_ms: int, *, price: str | None = None, time_ms: int | None = None
    ) -> bytes:
        """Return the payload, with price or time replaced where a fault asks for it."""
        return wire.trade_event(
            self.symbol,
            event_ms,
            self.trade_id,
            self.price if price is None else price,
            self.quantity,
            self.time_ms if time_ms is None else time_ms,
            self.buyer_is_maker,
        )


class Broadcast:
    """Sends trades and klines to the hub, counts them and notes when hours were closed."""

    def __init__(self, hub: Hub, faults: Faults) -> None:
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
        """Publish a trade, or what a waiting fault makes of it.

        ``payload`` and ``wrapped`` are the original bytes, where there are some.
        """
        self.trades_sent += 1
        fault = self.faults.take(trade.symbol) if self.faults else None
        if fault is None or fault is FaultKind.DUPLICATE:
            self._publish(trade, event_ms, payload, wrapped)
        if fault is not None:
            self._spoil(fault, trade, event_ms, payload, wrapped)

    def _publish(
        self, trade: TradeMessage, event_ms: int, payload: bytes | None, wrapped: bytes | None
    ) -> None:
        if self.hub.has_listeners(trade.stream):
            self.hub.publish(trade.stream, payload or trade.payload(event_ms), wrapped)

    def _spoil(
        self,
        fault: FaultKind,
        trade: TradeMessage,
        event_ms: int,
        payload: bytes | None,
        wrapped: bytes | None,
    ) -> None:
        truth = trade.payload(event_ms)
        if fault is FaultKind.DROP:
            return
        if fault is FaultKind.BAD_PRICE:
            self.hub.publish(trade.stream, trade.payload(event_ms, price="not-a-number"))
        elif fault is FaultKind.FUTURE_TIME:
            later = trade.payload(event_ms, time_ms=trade.time_ms + _YEAR_MS)
            self.hub.publish(trade.stream, later)
        else:
            extra: bytes | None = None
            if fault is FaultKind.MALFORMED:
                broken = truth[: len(truth) // 2]
                self.hub.publish(trade.stream, broken, wire.combined(trade.stream, broken)[:-1])
            elif fault is FaultKind.UNKNOWN_EVENT:
                extra = truth.replace(b'"e":"trade"', b'"e":"mystery"', 1)
                self.hub.publish(trade.stream, extra)
            self._publish(trade, event_ms, payload, wrapped)

    def kline(self, listing: Listing, bar: Bar, event_ms: int, *, is_closed: bool) -> None:
        """Publish an hourly kline; a closed one is counted, and noted if anybody listens."""
        stream = kline_stream(listing.symbol)
        self.klines_closed += is_closed
        if not self.hub.has_listeners(stream):
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
