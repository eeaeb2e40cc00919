"""How a failed query is restarted: by itself, from its checkpoint, for ever, with growing waits."""

from __future__ import annotations

import random
from collections.abc import Callable

from conf.settings import SupervisionSettings

# 2^20 times any base is above any cap; larger powers would only overflow.
_MOST_DOUBLINGS = 20


class RestartWaits:
    """Capped exponential backoff with full jitter. Pure but for the random numbers it is given.

    Full jitter, because queries that failed for the same reason must not come back together.
    """

    def __init__(
        self, settings: SupervisionSettings, uniform: Callable[[float, float], float] | None = None
    ) -> None:
        """Take the bounds, and a function that draws between two numbers."""
        self._settings = settings
        self._uniform = uniform or random.uniform
        self.failures = 0
        """Failures in a row: since a run that was stable."""

    def next_wait_s(self, ran_s: float) -> float:
        """Count a failure after a run of so many seconds; return how long to wait."""
        if ran_s >= self._settings.stable_after_s:
            self.failures = 0
        doublings = min(self.failures, _MOST_DOUBLINGS)
        self.failures += 1
        most_s = min(self._settings.restart_cap_s, self._settings.restart_base_s * 2**doublings)
        return self._uniform(0.0, most_s)
