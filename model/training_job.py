"""`python -m model.training_job`: history on HDFS → windows → fit → registry.

The first version serves at once; a later one becomes a candidate, which the life cycle tries in the
shadow. Everything comes from the environment. Progress goes to stderr as JSON lines. Exit codes: 0
published, 2 something that it needs is missing (one line says what to do), 4 published but refused
by the gate, 130 interrupted.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import psycopg2
import requests
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from conf.champion import ChampionSettings
from conf.connections.hdfs import exists, open_hdfs
from conf.connections.postgres import connect, migrate
from conf.connections.s3 import open_s3
from conf.connections.spark import build_session
from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from conf.names import Namespace
from conf.settings import HdfsSettings, PostgresSettings, RunSettings, S3Settings, SparkSettings
from model.comparison import Comparison, compare
from model.features import FeatureSpec
from model.forecasters.forecaster import ForecasterError
from model.inference import Scorer
from model.lifecycle import gate
from model.lifecycle.standing import SERVING
from model.places import HdfsPlace, S3Place, Snapshots
from model.registry import AliasRef, Registry, RegistryError
from model.staging import find_snapshot, keep, stage
from model.windows import Snapshot, WindowsError, make_snapshot

if TYPE_CHECKING:
    from fsspec.implementations.webhdfs import WebHDFS
    from pyspark.sql import SparkSession

    from model.champion_fit import ChampionFit

EXIT_MISSING = 2
HISTORY_POLL_S = 0.2
EXIT_REJECTED = 4
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
    champion: ChampionSettings

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
            ChampionSettings(),
        )

    @property
    def namespace(self) -> Namespace:
        """Names of this run's stores."""
        return Namespace(self.run.namespace)

    @property
    def spec(self) -> FeatureSpec:
        """Features of this run's coins."""
        stable = tuple(s for s in self.model.stable_symbols if s in self.run.symbols)
        return FeatureSpec(self.run.symbols, self.model.lead_symbol, stable, self.model.exogenous)

    @property
    def s3_place(self) -> S3Place:
        """Snapshots on S3, beside the registry."""
        return S3Place(open_s3(self.s3), self.s3.bucket, f"{self.run.namespace}/")

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
        store: Snapshots = HdfsPlace(files, job.namespace)
        if job.model.snapshot:
            store = job.s3_place
            snapshot = find_snapshot(store, job.model.snapshot)
            if FeatureSpec.from_dict(snapshot.manifest["spec"]) != job.spec:
                message = f"snapshot {snapshot.name} was made for other coins or features"
                raise JobError(message)
        else:
            snapshot = _make_windows(job, files)
        result["snapshot"] = snapshot.name
        result["without_history"] = snapshot.absent
        result["rows"] = snapshot.rows("volatile-train")
    with progress.step("stage windows") as result:
        windows_dir = stage(snapshot, store, job.staging / "windows")
        result["folder"] = str(windows_dir)
        if job.model.keep_snapshots:
            result["kept"] = keep(snapshot, windows_dir, job.s3_place)
    return _train_and_publish(job, progress, registry, snapshot, windows_dir)


def check_stores(job: Job, files: WebHDFS, registry: Registry) -> None:
    """Fail at once, in one line, if a store is away; create bucket and tables where missing.

    Raises:
        JobError: naming the store and its address.
    """
    try:
        if not job.model.snapshot:  # which lies on S3
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
    place = HdfsPlace(files, job.namespace)

    def session() -> SparkSession:
        sessions.append(build_session("nexthour-windows", job.spark, job.hdfs))
        # Only now: starting the JVM forks, which a thread in the middle of imports may not survive.
        threading.Thread(target=_import_tensorflow, name="import-tensorflow", daemon=True).start()
        return sessions[0]

    try:
        if job.model.history_wait_s:
            running = session()
            wait_for_history(files, job)
            return make_snapshot(lambda: running, place, job.spec, job.model)
        return make_snapshot(session, place, job.spec, job.model)
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
        from model.champion_fit import Told, TrainingError, fit_champion
        from model.publication import build_manifest, record_version, write_version_files
        from model.validation import judge

    def report(told: Told) -> None:
        progress.log.info(
            "epoch",
            member=told.member,
            seed=told.seed,
            number=told.epoch.number,
            of=job.model.epochs,
            train_pinball=round(told.epoch.train_pinball, 5),
            val_pinball=round(told.epoch.val_pinball, 5),
            seconds=round(told.epoch.seconds, 2),
        )

    with progress.step("fit", rows=snapshot.rows("volatile-train")) as result:
        try:
            fitted = fit_champion(windows_dir, job.spec, job.model, job.champion, report)
        except (TrainingError, ForecasterError) as error:
            raise JobError(str(error)) from error
        result["members"] = list(job.champion.members)
        result["median_weight"] = fitted.composed.weight
    judgement = judge(fitted.validation, fitted.quantiles, fitted.base, QUANTILES)
    progress.log.info("validation", **judgement.to_dict())
    serving = registry.champion()
    with progress.step("compare with the champion") as result:
        against = _against(job, registry, serving, fitted)
        result["champion"] = serving.version if serving else None
        result["difference"] = against.to_dict() if against else None
    with progress.step("publish") as result:
        manifest = build_manifest(
            fitted,
            judgement,
            snapshot,
            job.spec,
            job.model,
            job.champion,
            created_at=datetime.now(UTC),
            against=against,
        )
        folder = job.staging / "new-version" / manifest["weights_hash"][:16]
        shutil.rmtree(folder, ignore_errors=True)
        write_version_files(folder, fitted, job.spec, job.champion, manifest, snapshot)
        version = registry.publish(folder, manifest)
        result["version"] = version
    faults = gate.faults(manifest)
    status = _status(serving, faults, is_short=snapshot.plan.is_short)
    with progress.step("record", version=version, status=status):
        digest = registry.digest(version)
        if status in SERVING:
            registry.promote(version, status)
        with closing(connect(job.postgres, job.namespace)) as connection:
            record_version(connection, version, status, digest, manifest)
    if status == "rejected":
        progress.log.warning("kept, but not to be used", version=version)
        print(f"{version} is rejected: {'; '.join(faults)}", file=sys.stderr)
        return EXIT_REJECTED
    return 0


def _status(serving: AliasRef | None, faults: Sequence[str], *, is_short: bool) -> str:
    """Return what becomes of a new version: the first one serves at once, others are tried first."""
    if faults:
        return "rejected"
    if serving is not None:
        return "candidate"
    return "bootstrap" if is_short else "champion"


def _against(
    job: Job, registry: Registry, serving: AliasRef | None, fitted: ChampionFit
) -> Comparison | None:
    """Compare with what serves on the same windows; None if it cannot say anything of them."""
    if serving is None:
        return None
    folder = job.staging / "champion" / serving.version
    try:
        scorer = Scorer.load(registry.fetch(serving.version, folder, sha256=serving.sha256))
    except ValueError as error:  # made for other features
        structlog.get_logger("model.training_job").warning(
            "champion not comparable", why=str(error)
        )
        return None
    if scorer.spec != job.spec:
        return None
    return compare(
        fitted.validation,
        fitted.quantiles,
        scorer.quantiles(fitted.validation),
        QUANTILES,
        serving.version,
    )


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
