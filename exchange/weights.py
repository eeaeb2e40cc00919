"""REST request weights, counted per client address and wall minute. Pure but for its argument."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

# After so many refused requests in one minute a client is banned, as one that ignores 429.
_PATIENCE = 20
_BAN_S = 120


@dataclass
class WeightMeter:
    """Weight used by each address in the current wall minute, against one limit."""

    limit: int
    _minute: int = 0
    _used: Counter[str] = field(default_factory=Counter)
    _refused: Counter[str] = field(default_factory=Counter)
    _banned_until: dict[str, float] = field(default_factory=dict)

    def charge(self, address: str, weight: int, wall_s: float) -> int:
        """Count a request; return the weight used in this minute so far, this one included."""
        minute = int(wall_s // 60)
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
            self._refused.clear()
        self._used[address] += weight
        return self._used[address]

    def refusal(self, address: str, wall_s: float) -> tuple[int, int] | None:
        """Return (HTTP status, Retry-After in s) if a client is over the limit or banned."""
        until = self._banned_until.get(address, 0.0)
        if wall_s < until:
            return 418, int(until - wall_s) + 1
        if self._used[address] <= self.limit:
            return None
        self._refused[address] += 1
        if self._refused[address] > _PATIENCE:
            self._banned_until[address] = wall_s + _BAN_S
            return 418, _BAN_S
        return 429, 60 - int(wall_s % 60)
