"""The walk: every model fitted at every refit with every seed."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conf.names import HOUR_MS
from model.evaluation.assemble import Walked, assemble
from model.evaluation.champion import Model, fitted_for
from model.evaluation.hours import Hours
from model.evaluation.plan import Fold
from model.evaluation.predictions import Ground, lay_ground
from model.evaluation.rows import Rows
from model.evaluation.settings import EvaluationSettings
from model.evaluation.spark_work import work_by_spark, work_in_tasks
from model.evaluation.tasks import Cache, Scored, Task, task_key
from model.evaluation.work import Job, WalkError, work_here
from model.forecasters.forecaster import Kind

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Done:
    """A task that is done, for a progress display.

    Attributes:
        task: which.
        seconds: it took, on one worker, now or when it was first done.
        is_kept: taken from the cache.
        remaining_s: estimate of the wall seconds to the end; None until every model was fitted once.
    """

    task: Task
    seconds: float
    is_kept: bool
    remaining_s: float | None


@dataclass
class Walk:
    """A walk over folds.

    Attributes:
        hours: candles.
        rows: features of all hours from the first that trains to the last that is tested; with
            several workers they lie in files.
        folds: the fits.
        models: in the order of the result.
        seeds: for the models that depend on one; their quantiles of z are averaged.
        settings: of the evaluation.
        cache: folder of what is done already.
        session: gives the Spark session; called only where there are several workers or a model
            that Spark fits.
        workers: Spark tasks at once; 1 fits in this process.
    """

    hours: Hours
    rows: Rows
    folds: Sequence[Fold]
    models: Sequence[Model]
    seeds: Sequence[int]
    settings: EvaluationSettings
    cache: Path
    session: Callable[[], SparkSession]
    workers: int = 1
    _seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def forecasters(self) -> list[Kind]:
        """What is fitted, each once: models that were asked for, and the champion's members."""
        found: dict[str, Kind] = {}
        for model in self.models:
            for forecaster in fitted_for(model):
                found.setdefault(forecaster.name, forecaster)
        return list(found.values())

    @property
    def tasks(self) -> list[Task]:
        """All fits, fit by fit, so that a walk that is cut off has whole fits."""
        return [
            Task(forecaster, fold, seed)
            for fold in self.folds
            for forecaster in self.forecasters
            for seed in (self.seeds if forecaster.is_seeded else (0,))
        ]

    def run(self, on_done: Callable[[Done], None] = lambda _: None) -> Walked:
        """Do what is not in the cache yet and put everything together.

        Raises:
            WalkError: if a fit has no rows or a worker died.
            ForecasterError: if a model's quantiles are none.
        """
        try:
            grounds = [lay_ground(self.rows, fold) for fold in self.folds]
        except ValueError as error:
            raise WalkError(str(error)) from error
        cache, tasks = Cache(self.cache), self.tasks
        digests = [self.hours.digest(fold.test_until_ms + HOUR_MS) for fold in self.folds]
        jobs = [
            Job(
                number,
                task,
                task_key(task, self.rows, digests[task.fold.number], self.settings),
            )
            for number, task in enumerate(tasks)
        ]
        found = {
            job.number: kept
            for job in jobs
            if (kept := cache.load(job.key, job.task)) is not None
            and len(kept.quantiles) == len(grounds[job.task.fold.number].asked)
            and len(kept.validation) == len(grounds[job.task.fold.number].validation)
        }
        pending = [job for job in jobs if job.number not in found]
        for number, scored in found.items():
            on_done(self._done(tasks[number], scored, pending, is_kept=True))
        with contextlib.closing(self._work_off(list(pending), grounds, cache)) as done:
            for job, scored in done:
                found[job.number] = scored
                pending.remove(job)
                on_done(self._done(job.task, scored, pending, is_kept=False))
        fits = [(task, found[number]) for number, task in enumerate(tasks)]
        return assemble(self.models, self.rows, grounds, fits)

    def _work_off(
        self, jobs: Sequence[Job], grounds: Sequence[Ground], cache: Cache
    ) -> Generator[tuple[Job, Scored]]:
        """Yield each job that is done, and its result."""
        by_spark = [job for job in jobs if job.is_sparks]
        others = [job for job in jobs if not job.is_sparks]
        if self.workers > 1 and len(others) > 1:
            yield from work_in_tasks(others, self.rows, cache, self.session())
            others = []
        if by_spark:  # before what is left: a JVM is not started where TensorFlow's threads run
            yield from work_by_spark(by_spark, self.rows, grounds, cache, self.session())
        yield from work_here(others, self.rows, grounds, cache)

    def _done(self, task: Task, scored: Scored, pending: list[Job], *, is_kept: bool) -> Done:
        seconds = scored.fit_s + scored.score_s
        self._seconds[task.forecaster.name].append(seconds)
        remaining = None
        if all(job.task.forecaster.name in self._seconds for job in pending):
            remaining = sum(
                float(np.mean(self._seconds[job.task.forecaster.name]))
                / (1 if job.is_sparks else self.workers)
                for job in pending
            )
        return Done(task, seconds, is_kept, remaining)
