"""`nexthour evaluate`: models fitted on the past and scored on the hours after it, from a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from conf.model import ModelSettings
from conf.names import HOUR_MS
from local.errors import LocalError
from model.evaluation.assemble import Walked
from model.evaluation.catalogue import DEFAULT, UnknownModelError, choose
from model.evaluation.hours import Hours, HoursError, read_hours
from model.evaluation.plan import Fold, PlanError, plan_folds
from model.evaluation.predictions import write_predictions
from model.evaluation.projection.walk import ProjectionError
from model.evaluation.record import Choices
from model.evaluation.report import write_report
from model.evaluation.row_files import keep_rows
from model.evaluation.rows import Rows, make_rows
from model.evaluation.session import EvaluationSession
from model.evaluation.settings import EvaluationSettings
from model.evaluation.walk import Done, Walk
from model.evaluation.work import WalkError
from model.forecasters.forecaster import ForecasterError
from nexthour.evaluation_record import Recorder
from nexthour.projection_command import project
from nexthour.times import parse_time

MOST_SEEDS = 20


@dataclass(frozen=True, slots=True)
class EvaluateChoice:
    """What the command line asks for, as it was typed."""

    candles: Path
    train_until: str | None
    test_from: str
    test_until: str
    out: Path
    recorder: Recorder | None = field(default=None, kw_only=True)
    models: str = DEFAULT
    refit_every: str = "60d"
    seeds: int = 3
    workers: int | None = None
    horizon: str | None = None
    cache: Path | None = None


def run_evaluate(choice: EvaluateChoice, console: Console | None = None) -> None:
    """Walk forward, or project if a horizon is given; write rows and report, and say where.

    Raises:
        LocalError: one line, if an option or the folder is wrong, or a model fails.
    """
    console = console or Console(highlight=False)
    if choice.horizon is not None and choice.recorder is not None:
        message = "--record is for the next hour's close: leave it out with --horizon"
        raise LocalError(message)
    try:
        if choice.horizon is None:
            _evaluate(choice, console)
        else:
            project(
                choice.candles,
                choice.test_from,
                choice.test_until,
                choice.horizon,
                choice.out,
                console,
            )
    except (
        HoursError,
        ProjectionError,
        PlanError,
        UnknownModelError,
        WalkError,
        ForecasterError,
    ) as error:
        raise LocalError(str(error)) from error
    except OSError as error:
        message = f"cannot write to {error.filename or choice.out}: {error.strerror or error}"
        raise LocalError(message) from error


def _evaluate(choice: EvaluateChoice, console: Console) -> None:
    if choice.train_until is None:
        message = "--train-until is needed: the last hour that the first fit may see"
        raise LocalError(message)
    settings = EvaluationSettings(exogenous=ModelSettings().exogenous)
    models = choose(choice.models)
    seeds = _seeds(choice.seeds)
    until = parse_time(choice.test_until, "--test-until")
    bounds = (
        parse_time(choice.train_until, "--train-until"),
        parse_time(choice.test_from, "--test-from"),
        until,
        refit_hours(choice.refit_every) * HOUR_MS,
    )
    if choice.recorder is not None:
        choice.recorder.get_ready()
    hours = read_hours(choice.candles, settings.exogenous)
    folds = _folds_of_data(hours, plan_folds(hours.first_ms, *bounds, settings), choice)
    choice.out.mkdir(parents=True, exist_ok=True)
    cache = choice.cache or choice.out / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    workers = choice.workers or os.cpu_count() or 1
    rows = _rows(hours, folds, settings, console, cache if workers > 1 else None)
    with EvaluationSession(workers, cache) as spark:
        walk = Walk(hours, rows, folds, models, seeds, settings, cache, spark.get, workers)
        console.print(
            f" {len(folds)} fits of {len(walk.forecasters)} models, {len(walk.tasks)} tasks on "
            f"{workers} workers; interrupted, the same command goes on",
            soft_wrap=True,
        )
        walked = _with_progress(walk, console)
    if walked.predictions.empty:
        message = "no coin has an hour to test: its close and the next one must be in --candles"
        raise LocalError(message)
    write_predictions(walked.predictions, choice.out / "predictions.parquet")
    everything = pd.concat([walked.predictions, walked.by_seed], ignore_index=True)
    try:
        write_report(everything, walked.runs, choice.out, composition=walked.composition)
    except ValueError as error:
        message = f"the predictions are in {choice.out}, but there is no report: {error}"
        raise LocalError(message) from error
    _say(walked, hours, until, choice.out, console)
    if choice.recorder is not None:
        data = hours.digest(hours.last_ms + HOUR_MS)
        asked = Choices(bounds[0], bounds[-1] // HOUR_MS, seeds, data)
        choice.recorder.record(asked, walked.predictions, choice.out, console)


def _seeds(count: int) -> list[int]:
    if not 1 <= count <= MOST_SEEDS:
        message = f"--seeds: {count} is not 1 … {MOST_SEEDS}"
        raise LocalError(message)
    first = ModelSettings().seed
    return list(range(first, first + count))


def refit_hours(text: str) -> int:
    """Return the hours of a duration such as ``60d`` or ``12h``.

    Raises:
        LocalError: if it is none.
    """
    found = re.fullmatch(r"([1-9]\d{0,4})([dh])", text.strip())
    if found is None:
        message = f"--refit-every: {text!r} is no duration; write days or hours as 60d or 12h"
        raise LocalError(message)
    return int(found[1]) * (24 if found[2] == "d" else 1)


def _folds_of_data(
    hours: Hours, folds: tuple[Fold, ...], choice: EvaluateChoice
) -> tuple[Fold, ...]:
    """Leave out the fits that the data does not reach; those before are the same either way."""
    reached = tuple(fold for fold in folds if fold.test_from_ms < hours.last_ms)
    if not reached:
        message = (
            f"--test-from: {choice.candles} ends with the hour {_text(hours.last_ms)}, so that "
            "there is nothing to test"
        )
        raise LocalError(message)
    return reached


def _rows(
    hours: Hours,
    folds: tuple[Fold, ...],
    settings: EvaluationSettings,
    console: Console,
    cache: Path | None,
) -> Rows:
    """Return the rows of all folds, as files below `cache` if one is given."""
    first = min(fold.train_from_ms for fold in folds)
    last = folds[-1].test_until_ms
    total = (min(last, hours.last_ms + HOUR_MS) - first) // HOUR_MS
    columns = (TextColumn(" features"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("features", total=total)

        def on_hours(done: int) -> None:
            progress.update(task, completed=done)

        if cache is None:
            return make_rows(hours, first, last, settings, on_hours)
        return keep_rows(hours, first, last, settings, cache, on_hours)


def _with_progress(walk: Walk, console: Console) -> Walked:
    columns = (
        TextColumn(" fits"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    # No thread that draws: Spark's JVM is forked meanwhile, and must not inherit its lock.
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("", total=len(walk.tasks))
        progress.refresh()
        return walk.run(_teller(progress, task))


def _teller(progress: Progress, task: TaskID) -> Callable[[Done], None]:
    def on_done(done: Done) -> None:
        left = "" if done.remaining_s is None else f"about {_duration(done.remaining_s)} to go"
        progress.update(task, advance=1, description=left)
        seed = f" seed {done.task.seed}" if done.task.forecaster.is_seeded else ""
        kept = " (kept)" if done.is_kept else ""
        progress.console.print(
            f" [green]✓[/green] {_text(done.task.fold.fitted_at_ms)} "
            f"{done.task.forecaster.name}{seed}  {done.seconds:.1f} s{kept}",
            soft_wrap=True,
        )
        progress.refresh()

    return on_done


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"


def _text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%MZ")


def _say(walked: Walked, hours: Hours, until_ms: int, out: Path, console: Console) -> None:
    frame = walked.predictions
    one = frame[frame["model"] == frame["model"].iloc[0]]
    refused = int(one["is_refused"].sum())
    if hours.last_ms <= until_ms:
        console.print(
            f" the candles end with {_text(hours.last_ms)}: its next close is not known yet"
        )
    console.print(
        f" {len(one)} coin-hours, {refused} refused ({100 * refused / len(one):.2f} %), for each "
        f"of {frame['model'].nunique()} models",
        soft_wrap=True,
    )
    console.print(f" {out / 'predictions.parquet'}, {out / 'report.md'}", soft_wrap=True)
