"""Lets a command that is asked to end clean up after itself."""

from __future__ import annotations

import signal
from types import FrameType


def end_cleanly_on_sigterm() -> None:
    """Turn SIGTERM into `SystemExit`, so that whatever was started is stopped and removed."""

    def handle(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, handle)
