"""Steps with progress and time on a person's terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console


class Steps:
    """Prints one line per finished step; shows the running one where the terminal can.

    Attributes:
        seconds: wall seconds of each finished step by its name, for the report.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.seconds: dict[str, float] = {}
        self._started = time.monotonic()
        self._lock = Lock()

    @property
    def elapsed_s(self) -> float:
        """Wall seconds since the first moment."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; a failing one is marked and its error goes on."""
        started = time.monotonic()
        try:
            if self.console.is_terminal:
                with self.console.status(f"{name} …"):
                    yield
            else:
                yield
        except BaseException:
            self.done(name, time.monotonic() - started, mark="[red]✗[/red]")
            raise
        self.done(name, time.monotonic() - started)

    def done(self, name: str, seconds: float, mark: str = "[green]✓[/green]") -> None:
        """Report a step that was timed elsewhere."""
        with self._lock:
            self.seconds[name] = round(seconds, 2)
            self.console.print(
                f" {mark} {name:<46} {seconds:6.1f} s   [dim]{self.elapsed_s:6.1f} s[/dim]",
                soft_wrap=True,
            )

    def say(self, text: str) -> None:
        """Print a line between steps."""
        with self._lock:
            self.console.print(text, soft_wrap=True)
