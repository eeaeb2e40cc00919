"""The exchange's clock: it may stand still, and runs faster than the wall's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Clock:
    """Exchange time = start + wall time since the clock was started × speed.

    Args:
        start_ms: exchange time at which the clock begins, UTC epoch ms.
        speed: exchange seconds per wall second.
        hold: whether it stands still until `start` is called.
        monotonic_s: the wall's monotonic clock.
    """

    def __init__(
        self,
        start_ms: int,
        speed: float,
        *,
        hold: bool,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.speed = speed
        self._monotonic_s = monotonic_s
        self._base_ms = start_ms
        self._since_s: float | None = None
        self._has_ended = False
        self._started = asyncio.Event()
        if not hold:
            self.start()

    @property
    def is_running(self) -> bool:
        """Whether exchange time passes."""
        return self._since_s is not None

    def start(self) -> None:
        """Let time pass; does nothing if it already does, or has ended."""
        if self._since_s is None and not self._has_ended:
            self._since_s = self._monotonic_s()
            self._started.set()

    def stop(self, at_ms: int) -> None:
        """Stand still for ever at a moment."""
        self._base_ms, self._since_s, self._has_ended = at_ms, None, True

    def now_ms(self) -> int:
        """Return exchange time, UTC epoch ms."""
        if self._since_s is None:
            return self._base_ms
        return self._base_ms + int((self._monotonic_s() - self._since_s) * 1000 * self.speed)

    def wall_s_until(self, moment_ms: int) -> float:
        """Return the wall seconds until an exchange moment, at least 0."""
        return max((moment_ms - self.now_ms()) / 1000 / self.speed, 0.0)

    async def started(self) -> None:
        """Wait until the clock was started."""
        await self._started.wait()
