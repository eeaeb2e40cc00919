"""A process that is started again whenever it ends, as systemd does with ``Restart=always``."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.process import ManagedProcess

POLL_S = 0.01
# A process that ends by itself at once is not started again faster than this.
PAUSE_S = 0.5
STOP_TIMEOUT_S = 30.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class End:
    """How one process ended.

    Attributes:
        number: of the process, from 1.
        code: its exit code.
        lived_s: how long it ran.
        at_s: when it ended, monotonic.
        extra: the variables that it alone was given.
        last_line: the last telling line of its log; empty after a kill.
    """

    number: int
    code: int
    lived_s: float
    at_s: float
    extra: Mapping[str, str]
    last_line: str


class Kept:
    """Keeps one command running.

    Args:
        name: of the processes and their logs, with a number behind it.
        command: program and arguments.
        environment: of every process.
        log_dir: where the logs go.
        on_end: told of each end, from another thread, after the next process was started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log_dir: Path,
        on_end: Callable[[End], None] = lambda _end: None,
    ) -> None:
        self.ends: list[End] = []
        self._name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._log_dir = log_dir
        self.on_end = on_end
        self._queue: deque[Mapping[str, str]] = deque()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._number = 0
        self._current: tuple[ManagedProcess, Mapping[str, str], float] | None = None
        self._thread = threading.Thread(target=self._run, name=f"kept-{name}", daemon=True)

    def start(self) -> None:
        """Start the first process, and from now on the next whenever one ends."""
        self._start_next()
        self._thread.start()

    @property
    def number(self) -> int:
        """Number of the running process, from 1."""
        with self._lock:
            return self._number

    @property
    def extra(self) -> Mapping[str, str]:
        """The variables that the running process alone was given."""
        with self._lock:
            assert self._current is not None
            return self._current[1]

    @property
    def pid(self) -> int:
        """Process id of the running process."""
        with self._lock:
            assert self._current is not None
            assert self._current[0].pid is not None
            return self._current[0].pid

    @property
    def waiting(self) -> int:
        """How many starts with variables of their own are still to come."""
        with self._lock:
            return len(self._queue)

    def log_text(self) -> str:
        """Return the end of the running process's log."""
        with self._lock:
            assert self._current is not None
            return self._current[0].log_text()

    def lived_s(self) -> float:
        """Return for how long the running process has run."""
        with self._lock:
            assert self._current is not None
            return time.monotonic() - self._current[2]

    def arm(self, *extras: Mapping[str, str]) -> None:
        """Give the next starts variables of their own, one mapping each."""
        with self._lock:
            self._queue.extend(extras)

    def disarm(self) -> None:
        """Let the next starts have nothing of their own."""
        with self._lock:
            self._queue.clear()

    def kill(self) -> None:
        """End the running process and its group as ``kill -9`` does; it is started again."""
        os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> End | None:
        """Ask the running process to end and start none any more. May be repeated.

        Returns:
            How the last process ended; None if none was ever started.
        """
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            current = self._current
        if current is None:
            return None
        if self.ends and self.ends[-1].number == self._number:
            return self.ends[-1]
        current[0].stop()
        return self._note(current[0])

    def _run(self) -> None:
        while not self._is_over.wait(POLL_S):
            with self._lock:
                assert self._current is not None
                process, _, started_s = self._current
            if process.is_running:
                continue
            # The JVM of a killed driver goes with it, as with a control group.
            if process.returncode is not None and process.returncode < 0:
                _kill_group(process)
            process.stop()
            end = self._note(process)
            if process.returncode == 0 or time.monotonic() - started_s < PAUSE_S:
                self._is_over.wait(PAUSE_S)
            self._start_next()
            self.on_end(end)

    def _start_next(self) -> None:
        with self._lock:
            extra = self._queue.popleft() if self._queue else {}
            self._number += 1
            process = ManagedProcess(
                f"{self._name}-{self._number:03d}",
                self._command,
                log_dir=self._log_dir,
                env={**self._environment, **extra},
                cwd=ROOT,
                stop_timeout_s=STOP_TIMEOUT_S,
            )
            process.start()
            self._current = (process, extra, time.monotonic())

    def _note(self, process: ManagedProcess) -> End:
        with self._lock:
            assert self._current is not None
            _, extra, started_s = self._current
            code = process.returncode
            assert code is not None
            now_s = time.monotonic()
            telling = "" if code == -signal.SIGKILL else process.last_telling_line()
            end = End(self._number, code, now_s - started_s, now_s, extra, telling)
            self.ends.append(end)
            return end


def _kill_group(process: ManagedProcess) -> None:
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # nothing is left of it
        return
