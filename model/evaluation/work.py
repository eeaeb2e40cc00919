"""Work of a walk done in this process, one fit after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.evaluation.picked import Picked
from model.evaluation.rows import Rows
from model.evaluation.tasks import Cache, Scored, Task, run_task
from model.forecasters.forecaster import SparkForecaster


class WalkError(Exception):
    """The walk cannot go on; one line that says what to do."""


@dataclass(frozen=True)
class Job:
    """A task that is to be done.

    Attributes:
        number: its position among all tasks of the walk.
        task: what is fitted.
        key: names its result in the cache.
    """

    number: int
    task: Task
    key: str

    @property
    def is_sparks(self) -> bool:
        """Whether Spark fits it with jobs of its own."""
        return isinstance(self.task.forecaster, SparkForecaster)


def work_here(
    jobs: Sequence[Job], rows: Rows, picked: Sequence[Picked], cache: Cache
) -> Iterator[tuple[Job, Scored]]:
    """Do jobs in this process and yield each with its result, which the cache then holds.

    Args:
        jobs: in the order of the work; none that Spark fits.
        rows: that `picked` counts in.
        picked: of each fold.
        cache: where results are kept.

    Raises:
        ForecasterError: if a model cannot be fitted or its quantiles are none.
    """
    for job in jobs:
        forecaster = job.task.forecaster
        assert not isinstance(forecaster, SparkForecaster)
        scored = run_task(job.task, rows, picked[job.task.fold.number], forecaster)
        cache.save(job.key, job.task, scored)
        yield job, scored
