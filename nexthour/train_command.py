"""`nexthour train`: the champion fitted on a folder of candles, with progress, curves and a version's files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from conf.champion import ChampionSettings
from conf.connections.s3 import open_s3
from conf.connections.spark import build_session
from conf.contracts.forecasts import QUANTILES
from conf.model import Cell, ModelSettings
from conf.names import Namespace
from conf.settings import HdfsSettings, RunSettings, S3Settings, SparkSettings
from local.errors import LocalError
from model.features import FeatureSpec
from model.forecasters.forecaster import Fitted, ForecasterError
from model.places import LocalPlace
from model.registry import Registry
from model.staging import stage
from model.windows import Snapshot, WindowsError, make_snapshot
from nexthour.progress import Steps

if TYPE_CHECKING:
    from model.champion_fit import Told, TrainNetwork
    from model.curves import TensorBoard

SUFFIX = "-1h.parquet"


@dataclass(frozen=True, slots=True)
class TrainChoice:
    """What the command line asks for; `workers` above 1 train each network together.

    Under spark-submit the master is that of the submission; the folders must then be the same on
    every machine.
    """

    candles: Path
    out: Path
    workers: int = 1
    publish: bool = False


def run_train(choice: TrainChoice, console: Console | None = None) -> None:
    """Make windows, fit, and write version, curves and card to the folder.

    Raises:
        LocalError: one line, if the folder holds no history or a fit is not possible.
    """
    from model.champion_fit import TrainingError

    console = console or Console(highlight=False)
    try:
        _train(choice, console)
    except (WindowsError, TrainingError, ForecasterError) as error:
        raise LocalError(str(error)) from error


def _train(choice: TrainChoice, console: Console) -> None:
    from model.champion_fit import fit_champion
    from model.curves import TensorBoard, draw_curves
    from model.publication import build_manifest, write_version_files
    from model.validation import judge

    settings, champion = ModelSettings(), ChampionSettings()
    spec = _spec(choice.candles, settings)
    steps = Steps(console)
    with steps.step("make windows"):
        snapshot, windows = _windows(choice, spec, settings)
    console.print(
        f" {snapshot.rows('volatile-train'):,} windows train, "
        f"{snapshot.rows('volatile-validation'):,} validate"
    )
    board = TensorBoard(choice.out / "tensorboard")
    with _progress(console) as progress, _workers(choice, windows, spec) as train_network:
        tell = _teller(progress, settings, board, console)
        fitted = fit_champion(windows, spec, settings, champion, tell, train_network)
    board.close()
    judgement = judge(fitted.validation, fitted.quantiles, fitted.base, QUANTILES)
    manifest = build_manifest(
        fitted, judgement, snapshot, spec, settings, champion, created_at=datetime.now(UTC)
    )
    folder = choice.out / "version"
    shutil.rmtree(folder, ignore_errors=True)
    write_version_files(folder, fitted, spec, champion, manifest, snapshot)
    draw_curves(fitted.epochs, folder / "curves.png")
    console.print(
        f" fitted in {fitted.seconds:.0f} s; on validation rMAE {judgement.val_rmae:.4f}, direction "
        f"{judgement.val_da:.1%}, pinball {judgement.val_pinball:.5f} against "
        f"{judgement.ewma_pinball:.5f} of the last close with EWMA bands"
    )
    console.print(f" {folder / 'card.md'}, {folder / 'curves.png'}, {choice.out / 'tensorboard'}")
    if choice.publish:
        with steps.step("publish"):
            run, s3 = RunSettings(), S3Settings()
            prefix = Namespace(run.namespace).s3_prefix
            version = Registry(open_s3(s3), s3.bucket, prefix).publish(folder, manifest)
        console.print(f" published {version}; nexthour models promote {version}")


def _spec(candles: Path, settings: ModelSettings) -> FeatureSpec:
    symbols = tuple(sorted(path.name.removesuffix(SUFFIX) for path in candles.glob(f"*{SUFFIX}")))
    if not symbols:
        message = f"{candles} holds no SYMBOL{SUFFIX} file: give a folder of the documented layout"
        raise LocalError(message)
    stable = tuple(symbol for symbol in settings.stable_symbols if symbol in symbols)
    return FeatureSpec(symbols, settings.lead_symbol, stable, settings.exogenous)


def _windows(
    choice: TrainChoice, spec: FeatureSpec, settings: ModelSettings
) -> tuple[Snapshot, Path]:
    place = LocalPlace(choice.candles, choice.out / "windows")
    session = build_session("nexthour-windows", SparkSettings(), HdfsSettings(url="file:///"))
    try:
        snapshot = make_snapshot(lambda: session, place, spec, settings)
    finally:
        session.stop()
    return snapshot, stage(snapshot, place, choice.out / "windows")


@contextmanager
def _workers(
    choice: TrainChoice, windows: Path, spec: FeatureSpec
) -> Iterator[TrainNetwork | None]:
    """Yield what trains a network on several Spark tasks at once; None for this process alone."""
    if choice.workers == 1:
        yield None
        return
    from model.distributed import Work, fit_distributed

    spark = SparkSettings(master=f"local[{choice.workers}]")
    options = {"spark.python.worker.reuse": "false"}
    session = build_session("nexthour-train", spark, HdfsSettings(url="file:///"), options)

    def train(cell: Cell, settings: ModelSettings) -> Fitted:
        checkpoints = choice.out / "checkpoints" / f"{cell}-{settings.seed}"
        shutil.rmtree(checkpoints, ignore_errors=True)
        work = Work(windows, checkpoints, spec, settings, cell, choice.workers)
        return fit_distributed(session, work)

    try:
        yield train
    finally:
        session.stop()


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn(" {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True)


def _teller(
    progress: Progress, settings: ModelSettings, board: TensorBoard, console: Console
) -> Callable[[Told], None]:
    tasks: dict[tuple[str, int], TaskID] = {}

    def tell(told: Told) -> None:
        run = (told.member, told.seed)
        if run not in tasks:
            tasks[run] = progress.add_task(
                f"{told.member}, seed {told.seed}", total=settings.epochs
            )
        progress.update(tasks[run], completed=told.epoch.number)
        console.print(
            f" [green]✓[/green] {told.member} seed {told.seed} epoch {told.epoch.number}: pinball "
            f"{told.epoch.train_pinball:.5f} in training, {told.epoch.val_pinball:.5f} on validation"
            f"  {told.epoch.seconds:.0f} s",
            soft_wrap=True,
        )
        board(told)

    return tell
