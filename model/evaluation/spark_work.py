"""Work of a walk on Spark: one task per fit, and the fits that Spark makes with jobs of its own.

A task maps the rows' files, fits, scores and writes its result into the cache; the driver sees it
appear there. Every machine must see the cache's folder under the same path.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import wait
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from model.evaluation.picked import Picked, pick_rows
from model.evaluation.row_files import open_rows
from model.evaluation.rows import Rows
from model.evaluation.session import LOG, in_background
from model.evaluation.stderr import stderr_to
from model.evaluation.tasks import Cache, Scored, Task, run_task
from model.evaluation.work import Job, WalkError
from model.forecasters.forecaster import ForecasterError, SparkForecaster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

POLL_S = 0.1
FAILED = ".failed"
SCHEMA = "number bigint"
DEATHS = ("worker exited unexpectedly", "ExecutorLostFailure")
"""Spark's words for a process that is gone."""


def work_in_tasks(
    jobs: Sequence[Job], rows: Rows, cache: Cache, session: SparkSession
) -> Iterator[tuple[Job, Scored]]:
    """Do each job as a Spark task and yield those that are done, as they come.

    Left early, the tasks under way are ended.

    Args:
        jobs: tasks begin in this order; none that Spark fits.
        rows: with a folder.
        cache: what the tasks write to.
        session: where they run.

    Raises:
        ForecasterError: if a model cannot be fitted or its quantiles are none.
        WalkError: if a worker died, or what it wrote is not to be seen here.
    """
    assert rows.folder is not None
    for job in jobs:
        _failure(cache, job).unlink(missing_ok=True)
    task = partial(_fit_each, tuple(jobs), rows.folder.resolve(), cache.folder.resolve())
    numbers = session.range(0, len(jobs), 1, numPartitions=len(jobs))
    waiting = list(jobs)
    with in_background(session, lambda: numbers.mapInPandas(task, SCHEMA).collect()) as future:
        while waiting:
            is_over = future.done()  # asked first: what a task wrote before its end is seen
            for job in list(waiting):
                if (scored := _result(cache, job)) is not None:
                    waiting.remove(job)
                    yield job, scored
            if waiting and is_over:
                raise _lost(cache, future.exception())
            wait([future], POLL_S)


def _result(cache: Cache, job: Job) -> Scored | None:
    """Return what a task has written, None if nothing yet.

    Raises:
        ForecasterError: with the line that it wrote instead.
    """
    failure = _failure(cache, job)
    if failure.exists():
        raise ForecasterError(orjson.loads(failure.read_bytes()))
    if not cache.path(job.key, job.task).exists():
        return None
    return cache.load(job.key, job.task)


def _lost(cache: Cache, error: BaseException | None) -> WalkError:
    """Return why a job has ended without all results; what Spark said goes to the log."""
    log = cache.folder / LOG
    if error is None:
        message = (
            f"tasks are done, but their results are not in {cache.folder}: on a cluster, --cache "
            "must be a folder that all machines see"
        )
        return WalkError(message)
    said = str(error)
    with log.open("a") as file:
        file.write(f"{said}\n")
    if any(sign in said for sign in DEATHS):
        message = (
            "a worker died, most likely for want of memory: start again with --workers 1; "
            f"what is done is kept, what it said is in {log}"
        )
    else:
        told = next((line for line in said.splitlines() if line.strip()), type(error).__name__)
        message = f"Spark could not run the tasks ({told.strip()}); more is in {log}"
    found = WalkError(message)
    found.__cause__ = error
    return found


def _failure(cache: Cache, job: Job) -> Path:
    return cache.path(job.key, job.task).with_suffix(FAILED)


def _fit_each(
    jobs: Sequence[Job], rows_folder: Path, cache_folder: Path, frames: Iterator[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """Do the jobs of a partition: runs in Spark's Python workers."""
    cache = Cache(cache_folder)
    for frame in frames:
        for number in frame["id"].tolist():
            with stderr_to(cache_folder / LOG):
                _fit_one(jobs[number], rows_folder, cache)
        yield pd.DataFrame({"number": frame["id"]})


def _fit_one(job: Job, rows_folder: Path, cache: Cache) -> None:
    """Write a job's result, or one line that says why there is none.

    A fit that fails is no failed task: Spark would try it again.
    """
    forecaster = job.task.forecaster
    assert not isinstance(forecaster, SparkForecaster)
    try:
        rows = open_rows(rows_folder)
        scored = run_task(job.task, rows, pick_rows(rows, job.task.fold), forecaster)
        cache.save(job.key, job.task, scored)
    except Exception as error:
        traceback.print_exc()
        line = str(error)
        if not isinstance(error, ForecasterError):
            line = (
                f"{forecaster.name} failed at its fit {job.task.fold.number + 1} "
                f"({type(error).__name__}: {error}); more is in {cache.folder / LOG}"
            )
        partial_file = _failure(cache, job).with_suffix(".partial")
        partial_file.write_bytes(orjson.dumps(line))
        partial_file.replace(_failure(cache, job))


def work_by_spark(
    jobs: Sequence[Job],
    rows: Rows,
    picked: Sequence[Picked],
    cache: Cache,
    session: SparkSession,
) -> Iterator[tuple[Job, Scored]]:
    """Fit with Spark's own jobs, one model after the other, score here and yield what is done.

    Args:
        jobs: only those that Spark fits.
        rows: that `picked` counts in.
        picked: of each fold.
        cache: where results are kept.
        session: where the fits run.

    Raises:
        ForecasterError: if a model cannot be fitted or its quantiles are none.
    """
    for job in jobs:
        fit = partial(_fit_on, session, job.task, rows, picked[job.task.fold.number], cache.folder)
        with in_background(session, fit) as future:
            while not future.done():
                wait([future], POLL_S)
            scored = future.result()
        cache.save(job.key, job.task, scored)
        yield job, scored


def _fit_on(session: SparkSession, task: Task, rows: Rows, picked: Picked, folder: Path) -> Scored:
    assert isinstance(task.forecaster, SparkForecaster)
    forecaster = task.forecaster.on(session, folder)
    return run_task(task, rows, picked, forecaster, _jvm(session))


def _jvm(session: SparkSession) -> tuple[int, ...]:
    """Return the process id of the JVM that this process has started."""
    process: Any = getattr(session.sparkContext._gateway, "proc", None)  # noqa: SLF001 - no other way
    return () if process is None else (process.pid,)
