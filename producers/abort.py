"""Kills this process at a named point, so that a test can show that no point loses anything.

Set by NEXTHOUR_PRODUCER_ABORT_AT as ``point:n``: SIGKILL at the n-th passage. Unset in production.
"""

from __future__ import annotations

import os
import signal


class AbortSwitch:
    """Counts passages of one point; false in a condition when nothing is set."""

    def __init__(self, setting: str | None) -> None:
        """Take a setting that `ProducerSettings.abort_at` has checked."""
        point, _, count = (setting or "").partition(":")
        self._point = point
        self._left = int(count or 0)

    def __bool__(self) -> bool:
        return bool(self._point)

    def at(self, point: str) -> None:
        """Pass a point; does not return from the n-th passage of the chosen one."""
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
