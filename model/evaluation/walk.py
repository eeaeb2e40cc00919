"""The walk: every model fitted at every refit with every seed, and what they said as one frame."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from conf.champion import CHAMPION
from conf.names import HOUR_MS
from model.evaluation.champion import Champion, Composition, Model, Said, compose
from model.evaluation.hours import Hours
from model.evaluation.plan import Fold
from model.evaluation.predictions import Ground, lay_ground, prediction_frame
from model.evaluation.rows import Rows
from model.evaluation.runs import Run
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


@dataclass(frozen=True)
class Walked:
    """What a walk found.

    Attributes:
        predictions: rows of `predictions.parquet`: model by model, then by hour and coin.
        by_seed: the same for each seed of the models that have several, model = ``name#seed``.
        runs: cost per model and seed; the champion's is that of its members and its own.
        composition: what the champion was made of; None if it was not asked for.
    """

    predictions: pd.DataFrame
    by_seed: pd.DataFrame
    runs: list[Run]
    composition: Composition | None = None


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
            for forecaster in model.members if isinstance(model, Champion) else (model,):
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
        return self._together(tasks, grounds, found)

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

    def _together(
        self, tasks: list[Task], grounds: list[Ground], found: dict[int, Scored]
    ) -> Walked:
        runs: dict[str, list[Run]] = {}
        said: dict[str, list[Said]] = {}
        by_seed: dict[str, list[pd.DataFrame]] = {}
        for forecaster in self.forecasters:
            name = forecaster.name
            own = [number for number, task in enumerate(tasks) if task.forecaster.name == name]
            said[name] = self._said(tasks, found, own)
            seeds = sorted({tasks[number].seed for number in own})
            runs[name], by_seed[name] = [], []
            for seed in seeds:
                numbers = [number for number in own if tasks[number].seed == seed]
                runs[name].append(_run(name, seed, [found[number] for number in numbers]))
                if len(seeds) > 1:
                    alone = self._said(tasks, found, numbers)
                    by_seed[name].append(self._frame(f"{name}#{seed}", grounds, alone))
        means, single, told, composition = [], [], [], None
        for model in self.models:
            if isinstance(model, Champion):
                frame, run, made_of = self._champion(model, grounds, said, runs)
                composition = made_of if model.name == CHAMPION else composition
                means.append(frame)
                told.append(run)
                continue
            means.append(self._frame(model.name, grounds, said[model.name]))
            single += by_seed[model.name]
            told += runs[model.name]
        predictions = pd.concat(means, ignore_index=True)
        alone_frame = pd.concat(single, ignore_index=True) if single else predictions.iloc[:0]
        return Walked(predictions, alone_frame, told, composition)

    def _said(self, tasks: list[Task], found: dict[int, Scored], numbers: list[int]) -> list[Said]:
        """Return the mean over `numbers`, fold by fold."""
        means = []
        for fold in self.folds:
            own = [found[number] for number in numbers if tasks[number].fold is fold]
            asked = np.mean(np.stack([scored.quantiles for scored in own]), axis=0)
            validation = np.mean(np.stack([scored.validation for scored in own]), axis=0)
            means.append(Said(asked, validation))
        return means

    def _champion(
        self,
        champion: Champion,
        grounds: list[Ground],
        said: dict[str, list[Said]],
        runs: dict[str, list[Run]],
    ) -> tuple[pd.DataFrame, Run, Composition]:
        began = time.monotonic()
        names = [member.name for member in champion.members]
        by_fold = [[said[name][index] for name in names] for index in range(len(grounds))]
        prices, composition = compose(champion, self.rows, grounds, by_fold)
        own = [run for name in names for run in runs[name]]
        run = Run(
            champion.name,
            0,
            fit_s=round(sum(one.fit_s for one in own), 3),
            score_s=round(sum(one.score_s for one in own) + time.monotonic() - began, 3),
            peak_mib=max(one.peak_mib for one in own),
            refits=len(self.folds),
        )
        parts = [
            prediction_frame(self.rows, ground.tested, champion.name, part)
            for ground, part in zip(grounds, prices, strict=True)
        ]
        return pd.concat(parts, ignore_index=True), run, composition

    def _frame(self, model: str, grounds: list[Ground], said: list[Said]) -> pd.DataFrame:
        """Return a model's own predictions, fold by fold."""
        parts = []
        for ground, one in zip(grounds, said, strict=True):
            prices = ground.prices(self.rows, model, one.asked)
            parts.append(prediction_frame(self.rows, ground.tested, model, prices))
        return pd.concat(parts, ignore_index=True)


def _run(model: str, seed: int, scored: list[Scored]) -> Run:
    return Run(
        model,
        seed,
        fit_s=round(sum(one.fit_s for one in scored), 3),
        score_s=round(sum(one.score_s for one in scored), 3),
        peak_mib=max(one.peak_mib for one in scored),
        refits=len(scored),
    )
