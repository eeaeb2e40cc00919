"""Starts the processes of one owner and stops them all."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.errors import LocalError
from local.process import ManagedProcess


class Launcher:
    """What one stack started; safe to use from several threads.

    Args:
        log_dir: where each process's log goes.
        start_timeout_s: bound on each start.
        stop_timeout_s: bound on each orderly stop.
    """

    def __init__(self, log_dir: Path, start_timeout_s: float, stop_timeout_s: float) -> None:
        self.log_dir = log_dir
        self.start_timeout_s = start_timeout_s
        self.stop_timeout_s = stop_timeout_s
        self._lock = threading.Lock()
        self._is_stopping = False
        self._processes: list[ManagedProcess] = []

    def pids(self) -> dict[str, int]:
        """Process ids by name of what runs."""
        with self._lock:
            running = [process for process in self._processes if process.is_running]
        return {process.name: process.pid for process in running if process.pid is not None}

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> ManagedProcess:
        """Start a process (see `ManagedProcess`) that `stop_all` ends.

        Raises:
            LocalError: if it cannot be executed, or `stop_all` was called.
        """
        process = ManagedProcess(
            name,
            command,
            log_dir=self.log_dir,
            env=env,
            cwd=cwd,
            user=user,
            stop_signal=stop_signal,
            stop_timeout_s=self.stop_timeout_s,
        )
        with self._lock:
            if self._is_stopping:
                message = f"{name} is not started: everything is being stopped"
                raise LocalError(message)
            process.start()
            self._processes.append(process)
        return process

    def finish(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        """Run a command to its end.

        Raises:
            LocalError: one line if it fails or takes longer than a start may.
        """
        process = self.start(name, command, cwd=cwd, user=user)
        try:
            code = process.wait(self.start_timeout_s)
        except TimeoutError as error:
            raise LocalError(str(error)) from error
        if code:
            message = f"{name} failed: {process.last_telling_line()} (log: {process.log_path})"
            raise LocalError(message)

    def stop_all(self) -> None:
        """Ask all to end at the same time, wait, use force after the bound. May be repeated."""
        with self._lock:
            self._is_stopping = True
            processes = list(self._processes)
        for process in processes:
            process.ask_to_stop()
        for process in reversed(processes):
            process.stop()
