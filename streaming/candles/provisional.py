"""Candles of running hours: at most one write a second per symbol, and only what changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from conf.contracts.candles import Candle
from streaming.candles.revisions import HourKey, key_of

PERIOD_S = 1.0


class ProvisionalCandles:
    """Holds the newest state of each running hour until it is due to be written.

    Nothing here is promised to survive: after a restart the next trade brings the hour again.
    """

    def __init__(self, period_s: float = PERIOD_S) -> None:
        """Take the least time between two writes of a symbol, in wall seconds."""
        self._period_s = period_s
        self._waiting: dict[HourKey, Candle] = {}
        self._written_s: dict[str, float] = {}

    def update(self, running: Iterable[Candle], closed: Iterable[HourKey]) -> None:
        """Take the newest state of running hours; forget the closed ones."""
        self._waiting.update((key_of(candle), candle) for candle in running)
        for key in closed:
            self._waiting.pop(key, None)

    def due(self, now_s: float) -> list[Candle]:
        """Return what may be written now (monotonic seconds), oldest hour first, and forget it."""
        ready = [
            key
            for key in sorted(self._waiting, key=lambda key: (key[1], key[0]))
            if now_s - self._written_s.get(key[0], float("-inf")) >= self._period_s
        ]
        for symbol, _ in ready:
            self._written_s[symbol] = now_s
        return [self._waiting.pop(key) for key in ready]
