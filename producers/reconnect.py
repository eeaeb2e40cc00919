"""When to reconnect: full jitter under a doubling bound, within a budget. Pure; clock and dice are arguments."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """Bounds of the waits; seconds of wall time."""

    base_s: float
    cap_s: float
    stable_s: float
    budget: int
    window_s: float


class Reconnect:
    """The waits of all connections of one process: the exchange counts attempts per address.

    Attributes:
        failures: counts attempts that failed, under "stream".
    """

    def __init__(self, policy: ReconnectPolicy, dice: Callable[[], float]) -> None:
        """Args: the policy, and a source of random numbers in [0, 1)."""
        self._policy = policy
        self._dice = dice
        self.failures: Counter[str] = Counter()
        self._attempts: deque[float] = deque()

    def wait_s(self, failures: int, now_s: float) -> float:
        """Return how long to wait before the next attempt, and count that attempt.

        Args:
            failures: attempts and short-lived connections of this connection in a row.
            now_s: monotonic wall time.
        """
        policy = self._policy
        bound = min(policy.cap_s, policy.base_s * 2.0 ** min(failures, 30))
        wait = self._dice() * bound if failures else 0.0
        while self._attempts and self._attempts[0] <= now_s - policy.window_s:
            self._attempts.popleft()
        if len(self._attempts) >= policy.budget:
            oldest = self._attempts[len(self._attempts) - policy.budget]
            wait = max(wait, oldest + policy.window_s - now_s)
        self._attempts.append(now_s + wait)
        return wait

    def jittered(self, value: float, share: float) -> float:
        """Return a value varied by up to `share` of it in either direction."""
        return value * (1 + share * (2 * self._dice() - 1))

    def give_back(self) -> None:
        """Take back the attempt that was counted last: it was not made."""
        if self._attempts:
            self._attempts.pop()

    def failures_after(self, failures: int, lived_s: float) -> int:
        """Return the count of failures after a connection that lived for so long."""
        return 0 if lived_s >= self._policy.stable_s else failures + 1
