"""The walk: every model fitted at every refit with every seed, and what they said as one frame."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from conf.names import HOUR_MS
from model.evaluation.champion import Champion, Composition, Model, Said, compose
from model.evaluation.hours import Hours
from model.evaluation.plan import Fold
from model.evaluation.predictions import Ground, lay_ground, prediction_frame
from model.evaluation.rows import Rows
from model.evaluation.runs import Run
from model.evaluation.settings import EvaluationSettings
from model.evaluation.tasks import Cache, Scored, Task, run_task, task_key
from model.forecasters.forecaster import Forecaster

WORKERS_LOG = "workers.log"
STDERR = 2


class WalkError(Exception):
    """The walk cannot go on; one line that says what to do."""


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
        rows: features of all hours from the first that trains to the last that is tested.
        folds: the fits.
        models: in the order of the result.
        seeds: for the models that depend on one; their quantiles of z are averaged.
        settings: of the evaluation.
        cache: folder of what is done already.
        workers: processes; 1 works in this one.
    """

    hours: Hours
    rows: Rows
    folds: Sequence[Fold]
    models: Sequence[Model]
    seeds: Sequence[int]
    settings: EvaluationSettings
    cache: Path
    workers: int = 1
    _seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def forecasters(self) -> list[Forecaster]:
        """What is fitted, each once: models that were asked for, and the champion's members."""
        found: dict[str, Forecaster] = {}
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
        keys = [
            task_key(task, self.rows, digests[task.fold.number], self.settings) for task in tasks
        ]
        found = {
            number: kept
            for number, (task, key) in enumerate(zip(tasks, keys, strict=True))
            if (kept := cache.load(key, task)) is not None
            and len(kept.quantiles) == len(grounds[task.fold.number].asked)
            and len(kept.validation) == len(grounds[task.fold.number].validation)
        }
        pending = [number for number in range(len(tasks)) if number not in found]
        for number, scored in found.items():
            on_done(self._done(tasks[number], scored, tasks, pending, is_kept=True))
        for number, scored in self._work_off(tasks, grounds, list(pending)):
            cache.save(keys[number], tasks[number], scored)
            found[number] = scored
            pending.remove(number)
            on_done(self._done(tasks[number], scored, tasks, pending, is_kept=False))
        return self._together(tasks, grounds, found)

    def _work_off(
        self, tasks: list[Task], grounds: list[Ground], pending: list[int]
    ) -> Iterator[tuple[int, Scored]]:
        """Yield the number of each task that is done, and its result."""
        if self.workers == 1 or len(pending) < 2:
            for number in pending:
                yield number, run_task(tasks[number], self.rows, grounds[tasks[number].fold.number])
            return
        # Forked, since the rows are shared then; TensorFlow is first imported by the workers.
        pool = ProcessPoolExecutor(
            min(self.workers, len(pending)),
            multiprocessing.get_context("fork"),
            _begin_worker,
            (tasks, self.rows, grounds, self.cache / WORKERS_LOG),
        )
        try:
            futures = {pool.submit(_work, number): number for number in pending}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            message = (
                "a worker died, most likely for want of memory: start again with --workers 1; "
                f"what is done is kept, what it said is in {self.cache / WORKERS_LOG}"
            )
            raise WalkError(message) from error
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _done(
        self, task: Task, scored: Scored, tasks: list[Task], pending: list[int], *, is_kept: bool
    ) -> Done:
        seconds = scored.fit_s + scored.score_s
        self._seconds[task.forecaster.name].append(seconds)
        names = [tasks[number].forecaster.name for number in pending]
        remaining = None
        if all(name in self._seconds for name in names):
            total = sum(float(np.mean(self._seconds[name])) for name in names)
            remaining = total / self.workers
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
                frame, run, composition = self._champion(model, grounds, said, runs)
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


_shared: tuple[list[Task], Rows, list[Ground]] | None = None


def _begin_worker(tasks: list[Task], rows: Rows, grounds: list[Ground], log: Path) -> None:
    global _shared  # a worker's whole state: forked, never pickled
    _shared = (tasks, rows, grounds)
    # TensorFlow's native parts write to the terminal, whatever their log level is.
    with log.open("ab") as file:
        os.dup2(file.fileno(), STDERR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _work(number: int) -> Scored:
    assert _shared is not None
    tasks, rows, grounds = _shared
    return run_task(tasks[number], rows, grounds[tasks[number].fold.number])
