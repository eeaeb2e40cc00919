"""The Spark session of an evaluation, started when it is first needed, and work in its background."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from conf.connections.deferred_signals import deferred_signals
from conf.connections.spark import build_session
from conf.settings import HdfsSettings, SparkSettings
from model.evaluation.stderr import stderr_to
from model.evaluation.work import WalkError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Result = TypeVar("Result")

LOG = "workers.log"
DRIVER_MEMORY = "512m"
"""Heap of the JVM, which only hands out tasks and grows MLlib's trees on a sample."""

NO_JARS = Path(os.devnull)
"""Neither Kafka nor Avro nor Postgres is spoken to."""

OPTIONS = {
    # A process of its own for each fit, so that the peak that is measured is the model's own and a
    # crash ends one fit. Eight networks in one process did not make it grow (904 MiB after each from
    # the second on); what a new one costs is 9 s of one core for TensorFlow's start.
    "spark.python.worker.reuse": "false",
    "spark.python.daemon.module": "model.evaluation.daemon",
    "spark.task.cpus": "1",
}


class EvaluationSession:
    """A Spark session that starts when it is first asked for and ends with the block.

    `NEXTHOUR_SPARK_MASTER` may name a cluster; otherwise tasks run on this machine. What Spark and
    its workers write to standard error goes to `workers.log`.

    Args:
        workers: tasks at once.
        folder: of the log, which is there.
    """

    def __init__(self, workers: int, folder: Path) -> None:
        self._workers = workers
        self._log = folder / LOG
        self._session: SparkSession | None = None

    def __enter__(self) -> EvaluationSession:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            with deferred_signals(), stderr_to(self._log):
                self._session.stop()

    def get(self) -> SparkSession:
        """Return the session.

        Raises:
            WalkError: if Spark does not start.
        """
        if self._session is None:
            self._session = self._start()
        return self._session

    def _start(self) -> SparkSession:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        settings = _settings(self._workers)
        is_local = settings.master.startswith("local")
        hdfs = HdfsSettings(url="file:///") if is_local else HdfsSettings()
        options = {**OPTIONS, "spark.cores.max": str(self._workers)}
        try:
            # The handler that Spark puts in for SIGINT goes with the block: it would call the JVM in
            # the midst of whatever call is under way.
            with deferred_signals(), stderr_to(self._log):
                # Compiled well rather than quickly: MLlib's fits take half of the time.
                return build_session(
                    "nexthour-evaluation", settings, hdfs, options, is_long_running=True
                )
        except (PySparkException, Py4JError) as error:
            message = (
                f"Spark does not start ({str(error).splitlines()[0]}): what it said is in {self._log}; "
                "--workers 1 needs none but for rf and gbt"
            )
            raise WalkError(message) from error


def _settings(workers: int) -> SparkSettings:
    """Return the environment's settings, with a small local Spark where it says nothing."""
    settings = SparkSettings()
    ours: dict[str, object] = {"jars_dir": NO_JARS}
    if "driver_memory" not in settings.model_fields_set:
        ours["driver_memory"] = DRIVER_MEMORY
    if settings.master.startswith("local"):
        ours["master"] = f"local[{workers}]"
    return settings.model_copy(update=ours)


@contextmanager
def in_background(session: SparkSession, work: Callable[[], Result]) -> Iterator[Future[Result]]:
    """Run work that starts Spark jobs in a thread; its jobs end with the block.

    The caller's thread makes no call to the JVM meanwhile, so that a signal cannot cut one in two.
    """
    context = session.sparkContext
    group = f"evaluation-{uuid.uuid4().hex}"

    def grouped() -> Result:
        context.setJobGroup(group, "evaluation", interruptOnCancel=True)
        return work()

    pool = ThreadPoolExecutor(1, thread_name_prefix="evaluation")
    future = pool.submit(grouped)
    try:
        yield future
    finally:
        with deferred_signals():
            if not future.done():
                context._jsc.sc().cancelJobGroupAndFutureJobs(group)  # noqa: SLF001 - not in PySpark
            pool.shutdown(wait=True)
