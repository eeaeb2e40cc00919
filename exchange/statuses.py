"""The trading status of each symbol, as set at run time, and what it does to the book."""

from __future__ import annotations

from collections.abc import Mapping

from exchange.bars import HourState
from exchange.clock import Clock
from exchange.faults import FaultError, SymbolStatus
from exchange.hours import TargetSeries
from exchange.series import Series

# A halt still has market data, flat klines; a break and cancel-only have no klines at all.
_HOURS = {
    SymbolStatus.HALT: HourState.QUIET,
    SymbolStatus.BREAK: HourState.ABSENT,
    SymbolStatus.CANCEL_ONLY: HourState.ABSENT,
    SymbolStatus.DELISTED: HourState.ABSENT,
}


class Statuses:
    """Statuses by symbol.

    Trading stops at once: the running hour keeps the trades that it has, later ones have none. It
    goes on with the next hour. A delisted symbol is unknown to REST and silent on the streams; its
    last, partial hour stays in the oracle.
    """

    def __init__(self, series: Mapping[str, Series], clock: Clock) -> None:
        self._series = series
        self._clock = clock
        self._set: dict[str, SymbolStatus] = {}

    def set(self, symbol: str, status: SymbolStatus) -> int:
        """Set a symbol's status; return from when on it holds for the book, UTC epoch ms.

        Raises:
            FaultError: if the symbol's trades are those of a capture.
        """
        series = self._series[symbol]
        if not isinstance(series, TargetSeries):
            message = "a capture is replayed as it is; the status of its symbols cannot be set"
            raise FaultError(message)
        now = self._clock.now_ms()
        self._set[symbol] = status
        if status is SymbolStatus.TRADING:
            return series.resume_trading(now)
        series.stop_trading(now, _HOURS[status])
        return now

    def of(self, symbol: str, now_ms: int) -> SymbolStatus:
        """Return a symbol's status: as it was set, else BREAK during an hour without a kline."""
        status = self._set.get(symbol, SymbolStatus.TRADING)
        if status is not SymbolStatus.TRADING:
            return status
        series = self._series[symbol]
        is_halted = series.state(series.last_open_ms(now_ms)) is HourState.ABSENT
        return SymbolStatus.BREAK if is_halted else status

    def is_listed(self, symbol: str) -> bool:
        """Tell whether the exchange knows a symbol."""
        return symbol in self._series and self._set.get(symbol) is not SymbolStatus.DELISTED
