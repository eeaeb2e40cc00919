"""Kills this process at a named point, so that a test can show that no point loses anything.

Set as ``point:n`` by NEXTHOUR_PRODUCER_ABORT_AT or NEXTHOUR_CANDLE_ABORT_AT: SIGKILL at the n-th
passage. Unset in production.
"""

from __future__ import annotations

import os
import signal
import threading


class AbortSwitch:
    """Counts passages of one point; false in a condition when nothing is set."""

    def __init__(self, setting: str | None) -> None:
        """Take a setting that the settings have checked."""
        point, _, count = (setting or "").partition(":")
        self._point = point
        self._left = int(count or 0)

    def __bool__(self) -> bool:
        return bool(self._point)

    def at(self, point: str) -> None:
        """Pass a point; does not return from the n-th passage of the chosen one."""
        if self._is_due(point):
            os.kill(os.getpid(), signal.SIGKILL)

    def soon(self, point: str, seconds: float) -> None:
        """Pass a point that lies inside of something else's work, some wall seconds from now."""
        if self._is_due(point):
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    def _is_due(self, point: str) -> bool:
        if point != self._point:
            return False
        self._left -= 1
        return self._left == 0
