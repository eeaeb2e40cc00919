"""What goes wrong with single trades and closed hours on the streams: a queue per symbol. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from conf.names import HOUR_MS, hour_open_ms
from exchange import wire
from exchange.faults import TradeFault

_YEAR_MS = 365 * 24 * HOUR_MS
_MINUTE_MS = 60_000
_NEW_FIELD = b',"zz":{"note":"a field of a later version","n":[1,2]}}'


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


@dataclass(frozen=True, slots=True)
class Sending:
    """Bytes to publish; `wrapped` is the combined form where its exact bytes matter."""

    payload: bytes
    wrapped: bytes | None = None


@dataclass(frozen=True, slots=True)
class WaitingFault:
    """A fault and, for a delay, by how many wall ms."""

    kind: TradeFault
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """What to do once a symbol's trade with this id, or the first after it, was sent."""

    trade_id: int
    act: Callable[[], None]


class TradeFaults:
    """Faults and watches that wait for the next trades, per symbol.

    Attributes:
        armed: symbols whose next trade must be looked at; the only thing that the hot path reads.
        injected: faults that happened, by kind.
    """

    def __init__(self, injected: Counter[str]) -> None:
        self.armed: set[str] = set()
        self.injected = injected
        self._waiting: defaultdict[str, deque[WaitingFault]] = defaultdict(deque)
        self._watches: defaultdict[str, list[Watch]] = defaultdict(list)
        self._held: dict[str, Sending] = {}
        self._klines: Counter[str] = Counter()

    def add(self, symbol: str, fault: WaitingFault, count: int) -> int:
        """Let a fault wait ``count`` times; return how many wait for the symbol."""
        self._waiting[symbol].extend([fault] * count)
        self.armed.add(symbol)
        return len(self._waiting[symbol])

    def add_kline(self, symbol: str, count: int) -> int:
        """Let the next closed hours of a symbol be dropped; return how many will be."""
        self._klines[symbol] += count
        return self._klines[symbol]

    def watch(self, symbol: str, watch: Watch) -> None:
        """Act after a trade was sent."""
        self._watches[symbol].append(watch)
        self._watches[symbol].sort(key=lambda one: one.trade_id)
        self.armed.add(symbol)

    def waiting(self) -> Counter[str]:
        """Return how many faults of each kind wait."""
        counts = Counter(fault.kind.value for one in self._waiting.values() for fault in one)
        if dropped := self._klines.total():
            counts["drop_kline"] = dropped
        return counts

    def take(self, symbol: str) -> WaitingFault | None:
        """Return the fault for a symbol's next trade, if one waits and none is under way."""
        waiting = self._waiting.get(symbol)
        if not waiting or symbol in self._held:
            return None
        fault = waiting.popleft()
        if not waiting:
            del self._waiting[symbol]
        self.injected[fault.kind.value] += 1
        return fault

    def take_kline(self, symbol: str) -> bool:
        """Tell whether a symbol's next closed hour is to be dropped."""
        if not self._klines[symbol]:
            return False
        self._klines[symbol] -= 1
        self.injected["drop_kline"] += 1
        return True

    def hold(self, symbol: str, sending: Sending) -> None:
        """Keep a trade back until the symbol's next one was sent."""
        self._held[symbol] = sending

    def release(self, symbol: str) -> Sending | None:
        """Return the trade that was kept back."""
        return self._held.pop(symbol, None)

    def reached(self, symbol: str, trade_id: int) -> list[Watch]:
        """Return the watches that a sent trade meets; they are gone then."""
        watches = self._watches.get(symbol, [])
        met = [watch for watch in watches if watch.trade_id <= trade_id]
        if met:
            self._watches[symbol] = watches[len(met) :]
        return met

    def settle(self, symbol: str) -> None:
        """Disarm a symbol for which nothing waits any more."""
        if not (self._waiting.get(symbol) or self._watches.get(symbol) or symbol in self._held):
            self.armed.discard(symbol)


def spoilt(
    kind: TradeFault, trade: TradeMessage, event_ms: int, original: Sending
) -> list[Sending]:
    """Return what the stream shows in place of a trade; ``original`` is the trade itself.

    Kinds that only move a trade in time, or end the connection, leave it as it is.
    """
    if kind is TradeFault.DROP:
        return []
    if kind is TradeFault.DUPLICATE:
        return [original, original]
    if kind is TradeFault.BAD_PRICE:
        return [Sending(trade.payload(event_ms, price="not-a-number"))]
    if kind is TradeFault.FUTURE_TIME:
        return [Sending(trade.payload(event_ms, time_ms=trade.time_ms + _YEAR_MS))]
    if kind is TradeFault.PAST_TIME:
        return [Sending(trade.payload(event_ms, time_ms=trade.time_ms - _YEAR_MS))]
    if kind is TradeFault.FALLING_TIME:
        earlier_ms = max(hour_open_ms(trade.time_ms), trade.time_ms - _MINUTE_MS)
        return [Sending(trade.payload(event_ms, time_ms=earlier_ms))]
    if kind is TradeFault.NEW_FIELD:
        return [Sending(original.payload.rstrip()[:-1] + _NEW_FIELD)]
    if kind is TradeFault.UNKNOWN_EVENT:
        event = trade.payload(event_ms).replace(b'"e":"trade"', b'"e":"mystery"', 1)
        return [Sending(event), original]
    if kind is TradeFault.MALFORMED:
        truth = trade.payload(event_ms)
        broken = truth[: len(truth) // 2]
        return [Sending(broken, wire.combined(trade.stream, broken)[:-1]), original]
    return [original]
