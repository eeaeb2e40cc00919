"""Call something that may hang, and stop waiting after a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Outcome(Generic[T]):
    def __init__(self) -> None:
        self.value: T | None = None
        self.error: BaseException | None = None


def call_bounded(action: Callable[[], T], timeout_s: float) -> T:
    """Return what `action` returns, called in a daemon thread.

    An action that hangs keeps its thread, which does not keep the process from ending.

    Raises:
        TimeoutError: if there is no answer within `timeout_s` wall seconds.
        BaseException: whatever the action raised.
    """
    outcome: _Outcome[T] = _Outcome()

    def target() -> None:
        try:
            outcome.value = action()
        except BaseException as error:  # handed to the caller's thread
            outcome.error = error

    thread = threading.Thread(target=target, name="scoring", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        message = f"no answer within {timeout_s:g} s"
        raise TimeoutError(message)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]  # set, since there was no error
