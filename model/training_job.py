"""`python -m model.training_job`: history on HDFS → windows → fit → registry → promotion.

Everything comes from the environment. Progress goes to stderr as JSON lines. Exit codes: 0 the
new version serves, 2 something that it needs is missing (one line says what to do), 4 the new
version is kept as a candidate because it is not better than naive + EWMA bands, 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import psycopg2
import requests
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from conf.connections.hdfs import exists, open_hdfs
from conf.connections.postgres import connect, migrate
from conf.connections.s3 import open_s3
from conf.connections.spark import build_session
from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from conf.names import Namespace
from conf.settings import HdfsSettings, PostgresSettings, RunSettings, S3Settings, SparkSettings
from model.features import FeatureSpec
from model.registry import Registry, RegistryError
from model.staging import stage
from model.windows import Snapshot, WindowsError, make_snapshot

if TYPE_CHECKING:
    from fsspec.implementations.webhdfs import WebHDFS
    from pyspark.sql import SparkSession

EXIT_MISSING = 2
HISTORY_POLL_S = 0.2
EXIT_CANDIDATE = 4
EXIT_INTERRUPTED = 130


class JobError(Exception):
    """The job cannot start; the message is the one line that says what to do."""


class Interrupted(BaseException):
    """SIGTERM or SIGINT."""


@dataclass(frozen=True)
class Job:
    """Settings of one run of the job."""

    run: RunSettings
    hdfs: HdfsSettings
    s3: S3Settings
    postgres: PostgresSettings
    spark: SparkSettings
    model: ModelSettings

    @classmethod
    def from_environment(cls) -> Job:
        """Read all settings."""
        return cls(
            RunSettings(),
            HdfsSettings(),
            S3Settings(),
            PostgresSettings(),
            SparkSettings(),
            ModelSettings(),
        )

    @property
    def namespace(self) -> Namespace:
        """Names of this run's stores."""
        return Namespace(self.run.namespace)

    @property
    def spec(self) -> FeatureSpec:
        """Features of this run's coins."""
        stable = tuple(s for s in self.model.stable_symbols if s in self.run.symbols)
        return FeatureSpec(self.run.symbols, self.model.lead_symbol, stable)

    @property
    def staging(self) -> Path:
        """Local folder of snapshots and new versions."""
        return self.model.staging_dir or self.run.var_dir / "staging"


class Progress:
    """Steps as log lines, with the seconds that each took."""

    def __init__(self) -> None:
        self.log = structlog.get_logger("model.training_job")
        self._began = time.monotonic()

    @contextmanager
    def step(self, name: str, **fields: object) -> Iterator[dict[str, object]]:
        """Log the start and the end of a step; what the body adds to the yielded dict goes along."""
        self.log.info("step begins", step=name, **fields)
        began, result = time.monotonic(), dict[str, object]()
        yield result
        self.log.info(
            "step done",
            step=name,
            seconds=round(time.monotonic() - began, 2),
            total_seconds=round(time.monotonic() - self._began, 2),
            **result,
        )


def run_job(job: Job, progress: Progress) -> int:
    """Run all steps; returns the exit code.

    Raises:
        JobError, WindowsError, RegistryError: with one line that says what to do.
    """
    files = open_hdfs(job.hdfs)
    registry = Registry(open_s3(job.s3), job.s3.bucket, job.namespace.s3_prefix)
    with progress.step("check stores"):
        check_stores(job, files, registry)
    with progress.step("make windows") as result:
        snapshot = _make_windows(job, files)
        result["snapshot"] = snapshot.name
        result["without_history"] = snapshot.absent
        result["rows"] = snapshot.rows("volatile-train")
    with progress.step("stage windows") as result:
        windows_dir = stage(snapshot, files, job.staging / "windows")
        result["folder"] = str(windows_dir)
    return _train_and_publish(job, progress, registry, snapshot, windows_dir)


def check_stores(job: Job, files: WebHDFS, registry: Registry) -> None:
    """Fail at once, in one line, if a store is away; create bucket and tables where missing.

    Raises:
        JobError: naming the store and its address.
    """
    try:
        exists(files, "/")
    except (requests.RequestException, OSError) as error:
        message = f"HDFS does not answer at {job.hdfs.http_url}: start it or set NEXTHOUR_HDFS_HTTP_URL ({error})"
        raise JobError(message) from error
    try:
        registry.ensure_bucket()
    except (BotoCoreError, ClientError) as error:
        message = f"S3 does not answer at {job.s3.endpoint_url or 'AWS'}: start it or set NEXTHOUR_S3_ENDPOINT_URL ({error})"
        raise JobError(message) from error
    try:
        connection = connect(job.postgres, job.namespace)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('model_version')")
            row = cursor.fetchone()
        connection.close()
        if row is None or row[0] is None:
            migrate(job.postgres, job.namespace)
    except psycopg2.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        message = f"Postgres does not answer: start it or set NEXTHOUR_POSTGRES_URL ({reason})"
        raise JobError(message) from error


def _make_windows(job: Job, files: WebHDFS) -> Snapshot:
    """Make the snapshot; TensorFlow is imported meanwhile, since Spark's JVM does the waiting."""
    sessions: list[SparkSession] = []

    def session() -> SparkSession:
        sessions.append(build_session("nexthour-windows", job.spark, job.hdfs))
        # Only now: starting the JVM forks, which a thread in the middle of imports may not survive.
        threading.Thread(target=_import_tensorflow, name="import-tensorflow", daemon=True).start()
        return sessions[0]

    try:
        if job.model.history_wait_s:
            running = session()
            wait_for_history(files, job)
            return make_snapshot(lambda: running, files, job.namespace, job.spec, job.model)
        return make_snapshot(session, files, job.namespace, job.spec, job.model)
    finally:
        for started in sessions:
            started.stop()


def wait_for_history(files: WebHDFS, job: Job) -> None:
    """Wait until every coin's history is there, or `history_wait_s` are over; a file is whole or absent."""
    deadline = time.monotonic() + job.model.history_wait_s
    missing = list(job.run.symbols)
    while missing and time.monotonic() < deadline:
        missing = [s for s in missing if not exists(files, job.namespace.history_file(s))]
        if missing:
            time.sleep(HISTORY_POLL_S)


def _import_tensorflow() -> None:
    import petastorm.tf_utils  # noqa: F401
    import tensorflow  # noqa: F401


def _train_and_publish(
    job: Job, progress: Progress, registry: Registry, snapshot: Snapshot, windows_dir: Path
) -> int:
    with progress.step("import tensorflow"):
        from model.network import weights_hash
        from model.publication import (
            build_manifest,
            fit_stable_coins,
            record_version,
            write_version_files,
        )
        from model.training import Epoch, TrainingError, fit
        from model.validation import judge

    def report(epoch: Epoch) -> None:
        progress.log.info(
            "epoch",
            number=epoch.number,
            of=job.model.epochs,
            train_pinball=round(epoch.train_pinball, 5),
            val_pinball=round(epoch.val_pinball, 5),
            seconds=round(epoch.seconds, 2),
        )

    with progress.step("fit", rows=snapshot.rows("volatile-train")) as result:
        try:
            fitted = fit(windows_dir, job.spec, job.model, report)
        except TrainingError as error:
            raise JobError(str(error)) from error
        result["best_epoch"] = fitted.best
        result["median_weight"] = fitted.median_weight
    judgement = judge(fitted.validation, fitted.quantiles, fitted.base, QUANTILES)
    progress.log.info("validation", **judgement.to_dict())
    with progress.step("publish") as result:
        manifest = build_manifest(
            fitted,
            judgement,
            snapshot,
            job.spec,
            job.model,
            created_at=datetime.now(UTC),
            weights_hash=weights_hash(fitted.network),
        )
        rules = fit_stable_coins(windows_dir, job.spec, fitted.base)
        folder = job.staging / "new-version" / manifest["weights_hash"][:16]
        write_version_files(folder, fitted, rules, job.spec, manifest, snapshot)
        version = registry.publish(folder, manifest)
        result["version"] = version
    with progress.step("promote", version=version) as result:
        before, status = registry.champion(), judgement.status
        digest = registry.digest(version)
        if status == "bootstrap":
            registry.promote(version, status)
        connection = connect(job.postgres, job.namespace)
        try:
            record_version(connection, version, status, digest, manifest, before)
        finally:
            connection.close()
        result["status"] = status
    if status == "candidate":
        progress.log.warning("kept as candidate", version=version)
        print(
            f"{version} stays a candidate: validation pinball {judgement.val_pinball:.5f} is above"
            f" {judgement.ewma_pinball:.5f} of the last close with EWMA bands",
            file=sys.stderr,
        )
        return EXIT_CANDIDATE
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise Interrupted


def main() -> int:
    """Run the job from the environment; returns the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        return run_job(Job.from_environment(), Progress())
    except (JobError, WindowsError, RegistryError) as error:
        print(error, file=sys.stderr)
        return EXIT_MISSING
    except Interrupted:
        print("interrupted: nothing was promoted", file=sys.stderr)
        return EXIT_INTERRUPTED


def exit_now(code: int) -> Any:
    """Flush and leave without the interpreter's tear-down.

    Petastorm's threads were joined, but its native parts still abort one exit in some ten, which
    would turn a promoted version into a failed job.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    exit_now(main())
