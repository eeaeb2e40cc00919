"""`@kline_<interval>` for every interval but the hour, which the player itself opens and closes.

`@kline_<interval>@+08:00` are the intervals of UTC+8, the hour too; their times are UTC all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from conf.names import HOUR_MS
from exchange import wire
from exchange.hub import Hub
from exchange.intervals import HOURLY, INTERVALS, Interval, interval_bar
from exchange.series import Series

_MARK = "@kline_"
_SECOND_UPDATE_S = 1.0
_EAST = "@+08:00"
_SERVED = {name: interval for name, interval in INTERVALS.items() if name != HOURLY.name} | {
    f"{name}{_EAST}": interval.shifted(8 * HOUR_MS) for name, interval in INTERVALS.items()
}

Key = tuple[str, str]


class KlineStreams:
    """Klines of the streams that somebody listens to; others cost nothing.

    Guarantee: from the first turn that a stream is heard on, each of its intervals is sent closed
    exactly once, after all of its trades; absent intervals never.
    """

    def __init__(
        self,
        series: Mapping[str, Series],
        hub: Hub,
        update_s: float,
        is_listed: Callable[[str], bool] | None = None,
    ) -> None:
        self._series = series
        self._is_listed = is_listed or series.__contains__
        self._hub = hub
        self._update_s = update_s
        self._open: dict[Key, int] = {}
        self._shown: dict[Key, int] = {}
        self._next_update_s: dict[Key, float] = {}

    def turn(self, now_ms: int) -> None:
        """Publish what closed by ``now_ms``, and updates of what is open, to who listens."""
        heard = {key for stream in self._hub.streams() if (key := self._key(stream)) is not None}
        for key in self._open.keys() - heard:
            for state in (self._open, self._shown, self._next_update_s):
                state.pop(key, None)
        for key in heard:
            self._close(key, now_ms)
            self._update(key, now_ms)

    def _key(self, stream: str) -> Key | None:
        symbol, mark, name = stream.partition(_MARK)
        is_served = mark and name in _SERVED and self._is_listed(symbol.upper())
        return (symbol.upper(), name) if is_served else None

    def _close(self, key: Key, now_ms: int) -> None:
        interval = _SERVED[key[1]]
        current = interval.floor(now_ms)
        open_ms = self._open.setdefault(key, current)
        while open_ms < current:
            self._publish(key, interval, open_ms, now_ms, is_closed=True)
            open_ms = interval.after(open_ms)
        self._open[key] = current

    def _update(self, key: Key, now_ms: int) -> None:
        now_s = time.monotonic()
        if now_s < self._next_update_s.get(key, 0.0):
            return
        is_second = key[1].startswith("1s")
        self._next_update_s[key] = now_s + (_SECOND_UPDATE_S if is_second else self._update_s)
        self._publish(key, _SERVED[key[1]], self._open[key], now_ms, is_closed=False)

    def _publish(
        self, key: Key, interval: Interval, open_ms: int, now_ms: int, *, is_closed: bool
    ) -> None:
        series = self._series[key[0]]
        bar = interval_bar(series, interval, open_ms, now_ms)
        if bar is None or (not is_closed and bar.last_id in (-1, self._shown.get(key))):
            return
        self._shown[key] = bar.last_id
        payload = wire.kline_event(series.listing, bar, interval.name, now_ms, is_closed=is_closed)
        self._hub.publish(f"{key[0].lower()}{_MARK}{key[1]}", payload)
