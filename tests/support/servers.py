"""Real servers that can be ended, killed, paused and started again on the same data."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from local import hdfs, kafka, postgres
from local.launcher import Launcher
from local.ports import PortClaims

HEAP_MB = 320
HDFS_HEAP_MB = 192
START_S, STOP_S = 90.0, 20.0
POLL_S = 0.05


class Server:
    """One process of a launcher, by its name there.

    Args:
        name: of the process.
        launcher: who starts it.
    """

    def __init__(self, name: str, launcher: Launcher) -> None:
        self.name = name
        self._launcher = launcher

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return self._launcher.pids()[self.name]

    def end(self, number: signal.Signals) -> None:
        """Send a signal that ends the process, and wait until it has.

        Raises:
            TimeoutError: if it still runs after a while.
        """
        os.kill(self.pid, number)
        give_up_s = time.monotonic() + STOP_S
        while self.name in self._launcher.pids():
            if time.monotonic() > give_up_s:
                message = f"{self.name} still runs {STOP_S:.0f} s after {number.name}"
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

    def start(self) -> None:
        """Start it, again if it was ended, and wait until it serves.

        Raises:
            LocalError: one line if it does not come up.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """End it for good."""
        self._launcher.stop_all()


class Broker(Server):
    """A Kafka broker of its own, in a folder of its own.

    Args:
        folder: configuration, data and logs.
        jars: folder of the broker's jars.
        ports: where its ports are claimed.
    """

    def __init__(self, folder: Path, jars: Path, ports: PortClaims) -> None:
        super().__init__("kafka", Launcher(folder / "logs", START_S, STOP_S))
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
        """Start it and wait until it serves."""
        kafka.start(self._plan, self._launcher)


class Namenode(Server):
    """The namenode of `Hdfs`."""

    def __init__(self, plan: hdfs.HdfsPlan, launcher: Launcher) -> None:
        super().__init__("namenode", launcher)
        self._plan = plan

    def start(self) -> None:
        """Start it and wait until files can be written; its datanode must run or come soon."""
        process = hdfs.start_namenode(self._plan, self._launcher)
        process.wait_ready(hdfs.takes_files(self._plan), self._launcher.start_timeout_s)


class Datanode(Server):
    """The datanode of `Hdfs`."""

    def __init__(self, plan: hdfs.HdfsPlan, launcher: Launcher) -> None:
        super().__init__("datanode", launcher)
        self._plan = plan

    def start(self) -> None:
        """Start it and wait until files can be written."""
        process = hdfs.start_datanode(self._plan, self._launcher)
        process.wait_ready(hdfs.takes_files(self._plan), self._launcher.start_timeout_s)


class Hdfs:
    """One namenode and one datanode, in a folder of their own.

    Args:
        folder: configuration, data and logs.
        jars: folder of Hadoop's jars.
        ports: where their ports are claimed.
    """

    def __init__(self, folder: Path, jars: Path, ports: PortClaims) -> None:
        self._launcher = Launcher(folder / "logs", START_S, STOP_S)
        self.plan = hdfs.HdfsPlan(
            folder=folder / "hdfs",
            port=ports.claim(0, "hdfs"),
            http_port=ports.claim(0, "hdfs http"),
            datanode_port=ports.claim(0, "datanode"),
            datanode_ipc_port=ports.claim(0, "datanode ipc"),
            datanode_http_port=ports.claim(0, "datanode http"),
            namenode_heap_mb=HDFS_HEAP_MB,
            datanode_heap_mb=HDFS_HEAP_MB,
            jars=jars,
        )
        self.namenode = Namenode(self.plan, self._launcher)
        self.datanode = Datanode(self.plan, self._launcher)

    def start(self) -> None:
        """Start both, for the first time, and wait until files can be written.

        Raises:
            LocalError: one line if one does not come up.
        """
        hdfs.start(self.plan, self._launcher)

    def stop(self) -> None:
        """End both for good."""
        self._launcher.stop_all()


class PostgresServer(Server):
    """A Postgres of its own that loses no commit, in a folder of its own.

    Args:
        folder: configuration, data and logs.
        ports: where its port is claimed.
    """

    def __init__(self, folder: Path, ports: PortClaims) -> None:
        super().__init__("postgres", Launcher(folder / "logs", START_S, STOP_S))
        self._plan = postgres.PostgresPlan(
            folder=folder / "postgres", port=ports.claim(0, "postgres"), durable=True
        )

    @property
    def url(self) -> str:
        """libpq URL; stays the same over restarts."""
        return self._plan.url

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        postgres.start(self._plan, self._launcher)

    def stop(self) -> None:
        """End it for good and remove its data, wherever it is."""
        super().stop()
        postgres.remove_data(self._plan.folder)
