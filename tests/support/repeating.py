"""Something that goes on beside a test: what a live pipeline would write meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeating(every_s: float, action: Callable[[], None]) -> Iterator[None]:
    """Do something again and again in a thread, until the block ends."""
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(every_s):
            action()

    thread = threading.Thread(target=go_on, name="repeating")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
