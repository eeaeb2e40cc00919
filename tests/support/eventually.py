"""Waiting on conditions with a bound, instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.05


def eventually(
    condition: Callable[[], T],
    timeout_s: float = 10.0,
    *,
    message: str = "",
    poll_s: float = POLL_S,
) -> T:
    """Call a condition until its result is truthy and return that result.

    An `AssertionError` of the condition counts as "not yet"; the last one is shown at the end.

    Raises:
        AssertionError: if it did not hold within `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    last: object = None
    while True:
        try:
            result = condition()
        except AssertionError as error:
            last = error
        else:
            if result:
                return result
            last = result
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{message or 'condition'}: not within {timeout_s} s; last: {last!r}"
            )
        time.sleep(poll_s)
