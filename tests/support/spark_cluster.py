"""A standalone Spark cluster from the pyspark wheel: one master, one worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from local.ports import HOST, PortClaims
from local.process import ManagedProcess

ROOT = Path(__file__).parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
START_TIMEOUT_S = 90.0
ENVIRONMENT = {
    "SPARK_HOME": str(SPARK_HOME),
    "SPARK_LOCAL_IP": HOST,
    "SPARK_DAEMON_MEMORY": "256m",
    "PYSPARK_PYTHON": sys.executable,
    "PYTHONPATH": str(ROOT),
}


@dataclass(frozen=True)
class SparkCluster:
    """A running cluster; `master` is its URL."""

    master: str
    log_dir: Path

    def submit(
        self, launcher: Path, environment: dict[str, str], options: Sequence[str] = ()
    ) -> ManagedProcess:
        """Submit a launcher in client mode with the repository's own properties file."""
        jars = sorted((ROOT / ".deps" / "jars" / "spark").glob("*.jar"))
        command = [
            str(SPARK_HOME / "bin" / "spark-submit"),
            *("--master", self.master),
            *("--properties-file", str(ROOT / "spark-defaults.conf")),
            *("--jars", ",".join(map(str, jars))),
            *("--driver-memory", "640m", "--executor-memory", "512m"),
            *("--conf", "spark.cores.max=1"),
            *options,
            str(launcher),
        ]
        environment = {**ENVIRONMENT, **environment}
        return ManagedProcess(
            launcher.stem, command, log_dir=self.log_dir, env=environment, cwd=ROOT
        ).start()


def log_of(process: ManagedProcess) -> str:
    """Return what a process has written so far."""
    return process.log_path.read_text(encoding="utf-8", errors="replace")


@contextmanager
def spark_cluster(folder: Path) -> Iterator[SparkCluster]:
    """Run a master and a worker with a core for each launcher; both end with the block."""
    ports = PortClaims()
    port = ports.claim(0, "spark master")
    spark_class = str(SPARK_HOME / "bin" / "spark-class")
    environment = {**ENVIRONMENT, "SPARK_WORKER_DIR": str(folder / "work")}

    def daemon(name: str, *arguments: str) -> ManagedProcess:
        return ManagedProcess(
            name,
            [spark_class, *arguments],
            log_dir=folder,
            env=environment,
            cwd=Path(os.path.realpath(folder)),
        )

    package = "org.apache.spark.deploy"
    web = ("--webui-port", "0", "--host", HOST)
    url = f"spark://{HOST}:{port}"
    master = daemon("master", f"{package}.master.Master", *web, "--port", str(port))
    worker = daemon(
        "worker", f"{package}.worker.Worker", *web, "--cores", "3", "--memory", "2000m", url
    )
    try:
        master.start().wait_ready(
            lambda: "I have been elected leader" in log_of(master), START_TIMEOUT_S
        )
        worker.start().wait_ready(
            lambda: "Successfully registered with master" in log_of(worker), START_TIMEOUT_S
        )
        yield SparkCluster(url, folder)
    finally:
        worker.stop()
        master.stop()
        ports.release()
