"""One real Kafka broker that can be ended, killed, paused and started again on the same data."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from local import kafka
from local.launcher import Launcher
from local.ports import PortClaims

NAME = "kafka"
HEAP_MB = 320
START_S, STOP_S = 90.0, 20.0
POLL_S = 0.05


class Broker:
    """A broker of its own, in a folder of its own.

    Args:
        folder: configuration, data and logs.
        jars: folder of the broker's jars.
        ports: where its ports are claimed.
    """

    def __init__(self, folder: Path, jars: Path, ports: PortClaims) -> None:
        self._launcher = Launcher(folder / "logs", START_S, STOP_S)
        self._plan = kafka.KafkaPlan(
            folder=folder / "kafka",
            port=ports.claim(0, "kafka"),
            controller_port=ports.claim(0, "kafka controller"),
            heap_mb=HEAP_MB,
            jars=jars,
        )

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients; stays the same over restarts."""
        return self._plan.bootstrap_servers

    def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            LocalError: one line if it does not come up.
        """
        kafka.start(self._plan, self._launcher)

    def end(self, number: signal.Signals) -> None:
        """Send a signal that ends the process, and wait until it has.

        Raises:
            TimeoutError: if it still runs after a while.
        """
        os.kill(self.pid, number)
        give_up_s = time.monotonic() + STOP_S
        while NAME in self._launcher.pids():
            if time.monotonic() > give_up_s:
                message = f"the broker still runs {STOP_S:.0f} s after {number.name}"
                raise TimeoutError(message)
            time.sleep(POLL_S)

    def pause(self, seconds: float) -> None:
        """Stop it from running for a while: connections stay open and nothing is answered."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it for good."""
        self._launcher.stop_all()

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        return self._launcher.pids()[NAME]
