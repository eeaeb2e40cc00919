"""Trainings and projections as processes of low priority beside the queries: history first, then the job."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HISTORY = ("-m", "streaming.history.refresh")
TRAINING = (HISTORY, ("-m", "model.training_job"))
PROJECTION = (HISTORY, ("-m", "model.projection.job"))
"""One after the other. Processes of their own: the first belongs to the streaming side, and whatever
the second leaves behind in memory is gone with it."""

TERMINATE_S = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended: exit code of the last command, its last line, wall seconds."""

    code: int
    line: str
    seconds: float


class BackgroundJob:
    """A job of several processes, at most one run of it at a time.

    Args:
        commands: arguments of Python, one process after the other.
        log: file that its output is appended to.
        niceness: of its processes.
        timeout_s: wall seconds after which it is ended.
        environment: beside this process's own.
    """

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        log: Path,
        niceness: int,
        timeout_s: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        self._niceness = niceness
        self._timeout_s = timeout_s
        self._commands = commands
        self._environment = {**os.environ, **(environment or {})}
        self._left: list[Sequence[str]] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    @property
    def is_running(self) -> bool:
        """Whether it was begun and its end not yet taken."""
        return self._process is not None

    def begin(self) -> None:
        """Start the first command."""
        self._began = time.monotonic()
        self._left = list(self._commands)
        self._next()

    def ended(self) -> Ended | None:
        """Return how it ended, once; None while it runs. Starts the next command where one ended well."""
        if self._process is None:
            return None
        code = self._process.poll()
        seconds = time.monotonic() - self._began
        if code is None and seconds > self._timeout_s:
            self.stop()
            return Ended(-1, f"ended after {self._timeout_s:.0f} s", seconds)
        if code is None:
            return None
        if code == 0 and self._left:
            self._next()
            return None
        self._process = None
        return Ended(code, _last_line(self._log), seconds)

    def stop(self) -> None:
        """End it where it is; nothing is published by half of one."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(TERMINATE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _next(self) -> None:
        command = ["nice", "-n", str(self._niceness), sys.executable, *self._left.pop(0)]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, env=self._environment
            )


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
