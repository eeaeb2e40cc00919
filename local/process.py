"""Processes that are always stopped: started in a session of their own, waited for, logged, ended.

Guarantees: `stop` asks the leader to end (a Spark driver needs its JVM until it has drained), then
ends what is left of its group, and returns only when the leader is gone; a process whose owner is
killed is ended by `local.guard`; nothing but groups started here is ever signalled.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import httpx

from local.errors import LocalError

POLL_S = 0.05
MEMBERS_GRACE_S = 3.0
TAIL_BYTES = 64_000
TELLING = re.compile(r"\b(FATAL|ERROR|CRITICAL|[Ee]rror|Exception|panic)\b|[a-z]Error\b|Exception:")
STACK_LINE = re.compile(r"^\s+(at |\.\.\.|File )|^Traceback")

Condition = Callable[[], bool]


class _Guard:
    """The owner's side of `local.guard`; one per Python process, started with the first group."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner_pid = 0
        self._process: subprocess.Popen[str] | None = None
        self._groups: dict[int, int] = {}

    def _ensure(self) -> IO[str]:
        """Return the guard's input; a guard that someone ended is replaced and told everything."""
        if (
            self._process is None
            or self._owner_pid != os.getpid()
            or self._process.poll() is not None
        ):
            if self._owner_pid != os.getpid():  # forked: the parent's groups are the parent's
                self._owner_pid = os.getpid()
                self._groups.clear()
                atexit.register(self.close)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                text=True,
            )
            assert self._process.stdin is not None
            for group, number in self._groups.items():
                self._process.stdin.write(f"+{group} {number:d}\n")
            self._process.stdin.flush()
        assert self._process.stdin is not None
        return self._process.stdin

    def _tell(self, line: str) -> None:
        guard = self._ensure()
        try:
            guard.write(line)
            guard.flush()
        except BrokenPipeError:  # ended just now; the next call starts another one
            return

    def prepare(self) -> None:
        """Start the guard; called before the process, so that none is ever without."""
        with self._lock:
            self._ensure()

    def register(self, group: int, number: int) -> None:
        with self._lock:
            self._tell(f"+{group} {number:d}\n")
            self._groups[group] = number

    def forget(self, group: int) -> None:
        with self._lock:
            self._groups.pop(group, None)
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the guard, and with it whatever is still registered."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None and self._owner_pid == os.getpid():
                assert process.stdin is not None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                if not self._groups:  # else it has work to do, after this process is gone
                    process.wait()


_guard = _Guard()


class ManagedProcess:
    """One process with its log, its readiness and its end.

    Args:
        name: shown to people and used for the log's name, ``LOG_DIR/NAME.log``.
        command: program and arguments.
        log_dir: where standard output and error are appended; made if missing.
        env: added to this process's own environment.
        cwd: working directory; the current one if unset.
        user: run as this system user (only possible for root).
        stop_signal: what asks it politely to end.
        stop_timeout_s: seconds between the polite signal and SIGKILL.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_dir: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout_s: float = 10.0,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log_path = log_dir / f"{name}.log"
        self._env = dict(env or {})
        self._cwd = cwd
        self._user = user
        self._stop_signal = stop_signal
        self._stop_timeout_s = stop_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._is_asked = False
        self._is_finished = True

    @property
    def pid(self) -> int | None:
        """Process id, None before the start."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """Exit code, None while it runs or before the start."""
        return self._process.poll() if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> ManagedProcess:
        """Start it.

        Raises:
            LocalError: if the program cannot be executed or runs already.
        """
        if self.is_running:
            message = f"{self.name} runs already (pid {self.pid})"
            raise LocalError(message)
        self._is_asked = self._is_finished = False
        try:
            _guard.prepare()
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            with self.log_path.open("ab") as log:
                self._log_start = log.tell()
                self._process = self._open(log)
        except OSError as error:
            message = f"{self.name} cannot be started: {error}"
            raise LocalError(message) from error
        _guard.register(self._process.pid, self._stop_signal)
        return self

    def _open(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self._env},
            cwd=self._cwd,
            start_new_session=True,
            user=self._user,
            group=_group_of(self._user),
            extra_groups=[] if self._user else None,
        )

    def wait_ready(self, condition: Condition, timeout_s: float) -> None:
        """Wait until the condition holds.

        Raises:
            LocalError: one line with the last telling log line, if it ended before or took longer.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if not self.is_running:
                message = f"{self.name} ended with code {self.returncode}: {self.last_telling_line()} (log: {self.log_path})"
                raise LocalError(message)
            if time.monotonic() > deadline:
                message = f"{self.name} was not ready after {timeout_s:.0f} s: {self.last_telling_line()} (log: {self.log_path})"
                raise LocalError(message)
            time.sleep(POLL_S)

    def wait(self, timeout_s: float) -> int:
        """Wait for its own end and return the exit code.

        Raises:
            TimeoutError: if it still runs after `timeout_s` seconds.
        """
        assert self._process is not None
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            message = f"{self.name} still runs after {timeout_s:.0f} s (log: {self.log_path})"
            raise TimeoutError(message) from error
        self._finish_group()
        return code

    def ask_to_stop(self) -> None:
        """Send the polite signal, once, and do not wait; `stop` does."""
        if self._process is not None and self.is_running and not self._is_asked:
            self._is_asked = True
            self._process.send_signal(self._stop_signal)

    def stop(self) -> int | None:
        """End it and its group: politely, after a bound by force. May be repeated.

        Returns:
            The exit code; None if it was never started.
        """
        if self._process is None:
            return None
        if self.is_running:
            self.ask_to_stop()
            try:
                self._process.wait(self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                _signal_group(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._finish_group()
        return self._process.returncode

    def _finish_group(self) -> None:
        """End what the leader left in its group (a group's id is not reused while it has members)."""
        assert self._process is not None
        if self._is_finished:
            return
        self._is_finished = True
        group = self._process.pid
        deadline = time.monotonic() + MEMBERS_GRACE_S
        while _signal_group(group, signal.SIGTERM) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        _signal_group(group, signal.SIGKILL)
        _guard.forget(group)

    def log_text(self) -> str:
        """Return the end of what this start wrote to its log."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - TAIL_BYTES))
            return log.read().decode(errors="replace")

    def last_telling_line(self) -> str:
        """Return the last log line that names an error, else the last line, else a remark."""
        return last_telling_line(self.log_text())

    def __enter__(self) -> ManagedProcess:
        """Start it."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


def _signal_group(group: int, number: signal.Signals) -> bool:
    """Signal a group; False if no process is left in it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        return False
    return True


def last_telling_line(text: str) -> str:
    """Return the last line that names an error, else the last line, else a remark. Pure."""
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not STACK_LINE.match(line)
    ]
    if not lines:
        return "it wrote nothing to its log"
    telling = [line for line in lines if TELLING.search(line)]
    return (telling or lines)[-1][:400]


def is_listening(host: str, port: int) -> Condition:
    """Return a condition: a TCP connection to the port succeeds."""

    def condition() -> bool:
        try:
            with socket.create_connection((host, port), timeout=1):
                return True
        except OSError:
            return False

    return condition


def answers(url: str, accept: Callable[[httpx.Response], bool] | None = None) -> Condition:
    """Return a condition: a GET is answered, by default with status 200.

    Args:
        url: what to get.
        accept: decides on the answer.
    """
    decide = accept or (lambda response: response.status_code == httpx.codes.OK)

    def condition() -> bool:
        try:
            return decide(httpx.get(url, timeout=2, trust_env=False))
        except (httpx.HTTPError, ValueError, LookupError):  # no or not yet the whole answer
            return False

    return condition


def log_has(process: ManagedProcess, pattern: str) -> Condition:
    """Return a condition: the process wrote a line that matches since its start."""
    compiled = re.compile(pattern)
    return lambda: compiled.search(process.log_text()) is not None
