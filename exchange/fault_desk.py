"""Takes fault requests, from the control port or a scenario, and hands each to the part it meets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from exchange.book import Book
from exchange.broadcast import Broadcast
from exchange.clock import Clock
from exchange.connection_faults import ConnectionFaults
from exchange.faults import (
    BurstRequest,
    DelayRequest,
    ErrorFormRequest,
    FaultError,
    FaultRequest,
    KlineRequest,
    RestErrorRequest,
    RestLagRequest,
    RestStallRequest,
    StatusRequest,
    SymbolStatus,
    TradeFault,
    TradeRequest,
    parse_fault,
)
from exchange.hours import TargetSeries
from exchange.rest_faults import RestFaults
from exchange.sockets import Sockets
from exchange.statuses import Statuses
from exchange.trade_faults import WaitingFault, Watch

Answer = dict[str, int]


class FaultDesk:
    """All faults of a running exchange.

    Attributes:
        injected: what happened so far, by kind.
    """

    def __init__(
        self,
        book: Book,
        clock: Clock,
        broadcast: Broadcast,
        sockets: Sockets,
        statuses: Statuses,
        rest: RestFaults,
        injected: Counter[str],
    ) -> None:
        self.injected = injected
        self.connections = ConnectionFaults(sockets, broadcast.hub, clock, injected)
        self._book = book
        self._clock = clock
        self._broadcast = broadcast
        self._sockets = sockets
        self._statuses = statuses
        self._rest = rest

    def take(self, body: Any) -> Answer:
        """Carry out a request, or let it wait; return ``waiting`` and what the kind adds to it.

        Raises:
            FaultError: if the request makes no sense.
        """
        return self.inject(parse_fault(body, self._book.series))

    def inject(self, request: FaultRequest) -> Answer:
        """Carry out a request that was checked.

        Raises:
            FaultError: if the book cannot do it.
        """
        faults = self._broadcast.faults
        if isinstance(request, TradeRequest):
            fault = WaitingFault(TradeFault(request.kind))
            return {"waiting": faults.add(request.symbol, fault, request.count)}
        if isinstance(request, DelayRequest):
            fault = WaitingFault(TradeFault.DELAY, request.ms)
            return {"waiting": faults.add(request.symbol, fault, request.count)}
        if isinstance(request, KlineRequest):
            return {"waiting": faults.add_kline(request.symbol, request.count)}
        if isinstance(request, RestErrorRequest | RestStallRequest | RestLagRequest):
            return {"waiting": self._rest.add(request)}
        if isinstance(request, ErrorFormRequest):
            self._sockets.error_form = request.form
            self.injected[request.kind] += 1
            return {"waiting": 0}
        if isinstance(request, BurstRequest | StatusRequest):
            return self._change_book(request)
        return {"waiting": 0, "connections": self.connections.apply(request)}

    def cut_after(self, symbol: str, trade_id: int) -> None:
        """Abort every websocket right after a trade was sent."""
        self._broadcast.faults.watch(symbol, Watch(trade_id, self.connections.cut_all))

    def waiting(self) -> dict[str, int]:
        """Return how many faults of each kind wait."""
        return dict(self._broadcast.faults.waiting() + self._rest.waiting())

    def _change_book(self, request: BurstRequest | StatusRequest) -> Answer:
        if isinstance(request, StatusRequest):
            from_ms = self._statuses.set(request.symbol, SymbolStatus(request.status))
            self.injected[request.kind] += 1
            return {"waiting": 0, "from_ms": from_ms}
        series = self._book.series[request.symbol]
        if not isinstance(series, TargetSeries):
            message = "a capture is replayed as it is; there is no burst in it"
            raise FaultError(message)
        open_ms = series.add_burst(self._clock.now_ms(), request.count)
        if open_ms is None:
            message = f"{request.symbol} does not trade; set its status to TRADING first"
            raise FaultError(message)
        self.injected[request.kind] += 1
        return {"waiting": 0, "open_time_ms": open_ms}
