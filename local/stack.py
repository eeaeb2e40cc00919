"""Kafka, HDFS, Postgres and S3 on this machine: up together, down together.

Guarantees: `up` returns with every server ready, or raises one line and leaves nothing running;
`down` may be repeated and ends every process that was started; no port is chosen twice by two
stacks of one machine; two stacks never share a run directory.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from botocore.exceptions import ClientError

from conf.connections.s3 import open_s3
from conf.local_stack import LocalStackSettings
from conf.settings import S3Settings
from local import hdfs, kafka, postgres, s3
from local.errors import LocalError
from local.java import java_program
from local.launcher import Launcher
from local.lock import FolderLock
from local.ports import HOST, PortClaims

OnStep = Callable[[str, str, float], None]


@dataclass(frozen=True)
class _Plans:
    """One plan per part."""

    kafka: kafka.KafkaPlan
    hdfs: hdfs.HdfsPlan
    postgres: postgres.PostgresPlan
    s3: s3.S3Plan


class LocalStack:
    """The servers of one run directory.

    Args:
        settings: ports, heaps, folders, bounds; from the environment if unset.
        fresh: forget what an earlier stack stored in the run directory.
        s3_settings: key pair, region and bucket for clients; from the environment if unset.
    """

    def __init__(
        self,
        settings: LocalStackSettings | None = None,
        *,
        fresh: bool = False,
        s3_settings: S3Settings | None = None,
    ) -> None:
        self.settings = settings or LocalStackSettings.model_validate({})
        self.start_seconds: dict[str, float] = {}
        self._fresh = fresh
        self._s3_settings = s3_settings or S3Settings.model_validate({})
        self._folder = self.settings.run_dir.resolve()
        self._ports = PortClaims()
        self._lock = FolderLock(self._folder)
        self._launcher: Launcher | None = None
        self._environment: dict[str, str] = {}

    @property
    def log_dir(self) -> Path:
        """Where each server's log is, ``NAME.log``."""
        return self._folder / "logs"

    def pids(self) -> dict[str, int]:
        """Process ids by name of what runs: kafka, namenode, datanode, postgres, s3."""
        return self._launcher.pids() if self._launcher else {}

    def environment(self) -> dict[str, str]:
        """Return the variables by which children find the servers (see `conf.settings`).

        Raises:
            LocalError: unless it is up.
        """
        if not self._environment:
            message = "the local stack is not up"
            raise LocalError(message)
        return dict(self._environment)

    def up(self, on_step: OnStep | None = None) -> LocalStack:
        """Start all parts at the same time and wait until all serve.

        Args:
            on_step: told (part, "starting" or "ready", seconds since the start), from this thread.

        Raises:
            LocalError: one line; whatever had started is stopped.
        """
        self._lock.acquire()
        try:
            java_program()
            if self._fresh:
                self.forget()
            self._launcher = Launcher(
                self.log_dir, self.settings.start_timeout_s, self.settings.stop_timeout_s
            )
            self._start_all(self._launcher, self._plans(), on_step or (lambda *_: None))
        except OSError as error:
            self.down()
            message = f"the local stack cannot start: {error}"
            raise LocalError(message) from error
        except BaseException:
            self.down()
            raise
        return self

    def down(self) -> None:
        """Stop everything. May be repeated."""
        if self._launcher is not None:
            self._launcher.stop_all()
        self._environment = {}
        self._ports.release()
        self._lock.release()

    def forget(self) -> None:
        """Remove what the servers stored and logged; only while they are down."""
        postgres.remove_data(self._folder / "postgres")
        for name in ("kafka", "hdfs", "s3", "logs"):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _port(self, field: str) -> int:
        return self._ports.claim(
            getattr(self.settings, field),
            field.removesuffix("_port").replace("_", " "),
            f"NEXTHOUR_LOCAL_{field.upper()}",
        )

    def _plans(self) -> _Plans:
        options = self.settings
        jars = options.jars_dir.resolve()
        return _Plans(
            kafka=kafka.KafkaPlan(
                folder=self._folder / "kafka",
                port=self._port("kafka_port"),
                controller_port=self._port("kafka_controller_port"),
                heap_mb=options.kafka_heap_mb,
                jars=jars / "kafka",
            ),
            hdfs=hdfs.HdfsPlan(
                folder=self._folder / "hdfs",
                port=self._port("hdfs_port"),
                http_port=self._port("hdfs_http_port"),
                datanode_port=self._port("datanode_port"),
                datanode_ipc_port=self._port("datanode_ipc_port"),
                datanode_http_port=self._port("datanode_http_port"),
                namenode_heap_mb=options.namenode_heap_mb,
                datanode_heap_mb=options.datanode_heap_mb,
                jars=jars / "hadoop",
            ),
            postgres=postgres.PostgresPlan(
                folder=self._folder / "postgres",
                port=self._port("postgres_port"),
                durable=options.durable,
            ),
            s3=s3.S3Plan(
                folder=self._folder / "s3",
                port=self._port("s3_port"),
                heap_mb=options.s3_heap_mb,
                access_key=self._s3_settings.access_key,
                secret_key=self._s3_settings.secret_key.get_secret_value(),
                jars=jars / "s3",
            ),
        )

    def _start_all(self, launcher: Launcher, plans: _Plans, on_step: OnStep) -> None:
        starters: dict[str, Callable[[], None]] = {
            "hdfs": partial(hdfs.start, plans.hdfs, launcher),  # the slowest first
            "kafka": partial(kafka.start, plans.kafka, launcher),
            "s3": partial(self._start_s3, plans.s3, launcher),
            "postgres": partial(postgres.start, plans.postgres, launcher),
        }
        started = time.monotonic()
        with ThreadPoolExecutor(len(starters), thread_name_prefix="local-stack") as pool:
            futures: dict[Future[None], str] = {}
            try:
                for part, starter in starters.items():
                    on_step(part, "starting", 0.0)
                    futures[pool.submit(starter)] = part
                for future in as_completed(futures):
                    future.result()
                    self.start_seconds[futures[future]] = time.monotonic() - started
                    on_step(futures[future], "ready", self.start_seconds[futures[future]])
            except BaseException:
                launcher.stop_all()  # which ends the other threads' waits
                raise
        self._environment = self._variables(plans)

    def _start_s3(self, plan: s3.S3Plan, launcher: Launcher) -> None:
        s3.start(plan, launcher)
        client = open_s3(self._s3_settings.model_copy(update={"endpoint_url": plan.endpoint_url}))
        bucket = self._s3_settings.bucket
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError:
            client.create_bucket(Bucket=bucket)

    def _variables(self, plans: _Plans) -> dict[str, str]:
        return {
            "NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": plans.kafka.bootstrap_servers,
            "NEXTHOUR_KAFKA_REPLICATION_FACTOR": "1",
            "NEXTHOUR_HDFS_URL": plans.hdfs.url,
            "NEXTHOUR_HDFS_HTTP_URL": plans.hdfs.http_url,
            "NEXTHOUR_POSTGRES_URL": plans.postgres.url,
            "NEXTHOUR_S3_ENDPOINT_URL": plans.s3.endpoint_url,
            "NEXTHOUR_S3_ACCESS_KEY": plans.s3.access_key,
            "NEXTHOUR_S3_SECRET_KEY": plans.s3.secret_key,
            "NEXTHOUR_S3_BUCKET": self._s3_settings.bucket,
            "NEXTHOUR_S3_REGION": self._s3_settings.region,
            "SPARK_LOCAL_IP": HOST,  # else Spark binds to the host's name
        }

    def __enter__(self) -> LocalStack:
        """Bring it up."""
        return self.up()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it down."""
        self.down()
