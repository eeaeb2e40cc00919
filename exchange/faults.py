"""Faults that a test asks for over the control port: what the stream does wrong next."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """What happens to the next trade message of a symbol's stream; REST always has the truth."""

    MALFORMED = "malformed"
    UNKNOWN_EVENT = "unknown_event"
    BAD_PRICE = "bad_price"
    FUTURE_TIME = "future_time"
    DROP = "drop"
    DUPLICATE = "duplicate"


class FaultError(ValueError):
    """A fault request that makes no sense; the message says why."""


class Faults:
    """Faults waiting for the next trades, per symbol."""

    def __init__(self) -> None:
        self.injected: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[FaultKind]] = defaultdict(deque)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, request: Any, symbols: set[str]) -> int:
        """Take a request ``{"kind", "symbol", "count"}``; return how many faults now wait for it.

        Raises:
            FaultError: on an unknown kind or symbol, or a count that is not positive.
        """
        if not isinstance(request, dict):
            message = "the body must be a JSON object"
            raise FaultError(message)
        kinds = [kind.value for kind in FaultKind]
        kind, symbol = request.get("kind"), request.get("symbol")
        count = request.get("count", 1)
        if kind not in kinds:
            message = f"kind must be one of {', '.join(kinds)}"
            raise FaultError(message)
        if symbol not in symbols:
            message = f"symbol must be one of {', '.join(sorted(symbols))}"
            raise FaultError(message)
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            message = "count must be a positive integer"
            raise FaultError(message)
        self._waiting[symbol].extend([FaultKind(kind)] * count)
        return len(self._waiting[symbol])

    def take(self, symbol: str) -> FaultKind | None:
        """Return the fault for a symbol's next trade, if one waits."""
        waiting = self._waiting.get(symbol)
        if not waiting:
            return None
        fault = waiting.popleft()
        if not waiting:
            del self._waiting[symbol]
        self.injected[fault.value] += 1
        return fault
