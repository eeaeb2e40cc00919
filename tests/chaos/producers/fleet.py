"""The producer processes of a run, one after the other, and what became of each."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from local.ports import PortClaims
from local.process import ManagedProcess

ROOT = Path(__file__).parents[3]
ABORT_SETTING = "NEXTHOUR_PRODUCER_ABORT_AT"
PREFIX = "nexthour_producer_"
HEALTHY_S = 60.0
ASK_S = 2.0
POLL_S = 0.1
MOST_RESTARTS = 5

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]


@dataclass
class Member:
    """One producer process.

    Attributes:
        number: 1 for the first of the run.
        process: the process.
        url: of its metrics.
        last: its metrics when they were last read.
    """

    number: int
    process: ManagedProcess
    url: str
    last: Samples = field(default_factory=dict)

    def read(self) -> Samples:
        """Return its metrics, names without prefix; those read last if it does not answer."""
        try:
            text = httpx.get(f"{self.url}/metrics", timeout=ASK_S, trust_env=False).text
        except httpx.HTTPError:
            return self.last
        self.last = {
            (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith(PREFIX)
        }
        return self.last

    def is_healthy(self) -> bool:
        """Tell whether its streams are open and Kafka takes records."""
        try:
            answer = httpx.get(f"{self.url}/healthz", timeout=ASK_S, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


class Fleet:
    """Starts producers of one shard and keeps account of their ends.

    Attributes:
        current: the one that should be running.
        exits: how many ended with which code.
        surprises: ends that no fault explains, one line each.
    """

    def __init__(self, environment: Mapping[str, str], log_dir: Path, ports: PortClaims) -> None:
        self.current: Member | None = None
        self.exits: Counter[int] = Counter()
        self.surprises: list[str] = []
        self._environment = dict(environment)
        self._log_dir = log_dir
        self._ports = ports
        self._members: list[Member] = []

    @property
    def started(self) -> int:
        """How many processes were started so far."""
        return len(self._members)

    def start(self, abort_at: str | None = None) -> Member:
        """Start a process and make it the current one; does not wait for anything.

        Args:
            abort_at: step at which it kills itself, as ``POINT:N``.
        """
        number = len(self._members) + 1
        port = self._ports.claim(0, "metrics")
        variables = {**self._environment, "NEXTHOUR_PRODUCER_METRICS_PORT": str(port)}
        if abort_at is not None:
            variables[ABORT_SETTING] = abort_at
        process = ManagedProcess(
            f"producer-{number:03d}",
            [sys.executable, "-m", "producers"],
            log_dir=self._log_dir,
            env=variables,
            cwd=ROOT,
        )
        process.start()
        member = Member(number, process, f"http://127.0.0.1:{port}")
        self._members.append(member)
        self.current = member
        return member

    def running(self) -> Member:
        """Return the current process.

        Raises:
            AssertionError: if there is none.
        """
        assert self.current is not None, "no producer was started"
        return self.current

    def expect_end(self, member: Member, code: int, timeout_s: float) -> None:
        """Wait for a process's end and note it.

        Raises:
            TimeoutError: if it still runs after `timeout_s` seconds.
        """
        found = member.process.wait(timeout_s)
        self.exits[found] += 1
        if found != code:
            self._note_surprise(member, found)

    def kill(self, member: Member) -> None:
        """End a process as ``kill -9`` does."""
        member.signal(signal.SIGKILL)
        self.expect_end(member, -signal.SIGKILL, ASK_S * 5)

    def keep_running(self) -> Member:
        """Return a healthy current process; one that ended by itself is noted and replaced.

        Raises:
            RuntimeError: if none becomes healthy; with the last one's last line.
        """
        give_up_s = time.monotonic() + HEALTHY_S
        restarts = 0
        while not self.running().is_healthy():
            member = self.running()
            code = member.process.returncode
            if code is not None:
                self.exits[code] += 1
                self._note_surprise(member, code)
                restarts += 1
                self.start()
            if restarts > MOST_RESTARTS or time.monotonic() > give_up_s:
                message = f"no producer becomes healthy: {member.process.last_telling_line()}"
                raise RuntimeError(message)
            time.sleep(POLL_S)
        return self.running()

    def totals(self) -> dict[str, float]:
        """Return each counter's sum over symbols and processes, as last read before their ends."""
        sums: defaultdict[str, float] = defaultdict(float)
        for member in self._members:
            for (name, _), value in member.last.items():
                if name.endswith("_total"):
                    sums[name] += value
        return dict(sorted(sums.items()))

    def stop(self, timeout_s: float = 20.0) -> float:
        """Ask the current process to end; return how many seconds it took."""
        member = self.running()
        member.read()
        asked_s = time.monotonic()
        member.process.ask_to_stop()
        self.expect_end(member, 0, timeout_s)
        return time.monotonic() - asked_s

    def end_all(self) -> None:
        """End whatever still runs."""
        for member in self._members:
            if member.process.is_running:
                member.signal(signal.SIGCONT)  # one that is paused could not end politely
            member.process.stop()

    def _note_surprise(self, member: Member, code: int) -> None:
        self.surprises.append(
            f"{member.process.name} ended with code {code}: {member.process.last_telling_line()}"
        )
