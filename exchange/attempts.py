"""WebSocket connection attempts, counted per client address in a rolling window. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import ceil


@dataclass
class AttemptMeter:
    """Attempts of each address in the last `window_s`, against one limit.

    Refused attempts count too, as on the exchange: who goes on knocking stays out.
    """

    limit: int
    window_s: float
    total: int = 0
    _times: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def refusal(self, address: str, now_s: float) -> int | None:
        """Count an attempt; return the seconds to wait if it is beyond the limit."""
        self.total += 1
        times = self._times[address]
        while times and times[0] <= now_s - self.window_s:
            times.popleft()
        times.append(now_s)
        if len(times) <= self.limit:
            return None
        # The attempt that must leave the window before one more has room.
        return max(ceil(times[-self.limit] + self.window_s - now_s), 1)
