"""``python -m tests.bench.model [--candles DIR]``: exit code 0 if every target is met, 1 if not."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from rich.console import Console

from conf.connections.spark import build_session
from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from conf.settings import HdfsSettings, SparkSettings
from model.baselines import empirical_quantiles
from model.champion_fit import TRAIN, VALIDATION
from model.composition import Composed, Member
from model.dataset import Windows, read_columns, read_windows, training_batches
from model.evaluation.peak import Peak
from model.feature_spec import FeatureSpec
from model.forecasters.recurrent import FittedNetwork, train
from model.forecasters.servable import SERVABLE
from model.metrics import pinball
from model.places import LocalPlace
from model.staging import stage
from model.training import Epoch
from model.training_job import exit_now
from model.windows import make_snapshot
from nexthour.reports import Machine, write_report
from tests.bench.model.measure import batch_rate, read_rate, scoring_ms, ten_rows
from tests.bench.model.report import Fit, ModelBench, print_report, targets
from tests.support.ending import end_cleanly_on_sigterm
from tests.support.model_history import history_table, random_panel
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/bench-model.json")
RECORDED = Path(__file__).parents[4] / "shared" / "data" / "hourly"
MADE_UP_HOURS = 50_000
EPOCHS = 12


def main() -> int:
    """Measure, print the table, write the report."""
    options = _options()
    end_cleanly_on_sigterm()
    forget_own_settings()
    console = Console(highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="nexthour-bench-model-"))
    try:
        report = _measure(options, folder, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write_report(report, REPORT)
    print_report(report, console)
    console.print(str(REPORT))
    return 0 if report.is_green else 1


def _measure(options: argparse.Namespace, folder: Path, console: Console) -> ModelBench:
    peak = Peak()
    settings = ModelSettings(
        epochs=EPOCHS, seed=options.seed, max_history_days=0, fit_seconds=86_400, threads=2
    )
    candles, source = _candles(options, folder)
    symbols = tuple(sorted(path.name.removesuffix("-1h.parquet") for path in candles.glob("*")))
    spec = FeatureSpec(symbols)
    begun = time.monotonic()
    place = LocalPlace(candles, folder / "windows")
    session = build_session("bench-model", SparkSettings(), HdfsSettings(url="file:///"))
    snapshot = make_snapshot(lambda: session, place, spec, settings)
    session.stop()
    windows = stage(snapshot, place, folder / "windows")
    windows_s = time.monotonic() - begun
    console.print(f"windows made in {windows_s:.0f} s")
    read = read_rate(windows / TRAIN)
    batches = batch_rate(windows / TRAIN, spec, settings)
    validation = read_windows(windows / VALIDATION, spec)
    base = empirical_quantiles(_targets(windows / TRAIN), QUANTILES)
    fits, members = [], []
    begun = time.monotonic()
    network = _train(windows, spec, base, settings, validation, console)
    training_s = time.monotonic() - begun
    members.append(Member("lstm", (network,)))
    loss = pinball(validation.z, network.quantiles(validation), QUANTILES)
    fits.append(
        Fit(
            member="lstm",
            seconds=round(training_s, 1),
            epochs=len(network.epochs) - 1,
            best=network.best,
            pinball=loss,
        )
    )
    begun = time.monotonic()
    trees = SERVABLE["lightgbm"].fit(read_windows(windows / TRAIN, spec), validation, options.seed)
    trees_s = time.monotonic() - begun
    members.append(Member("lightgbm", (trees,)))
    loss = pinball(validation.z, trees.quantiles(validation), QUANTILES)
    fits.append(Fit(member="lightgbm", seconds=round(trees_s, 1), epochs=0, best=0, pinball=loss))
    ten = ten_rows(windows / VALIDATION, spec)
    champion, champion_p95 = scoring_ms(Composed(tuple(members), 1.0), ten)
    scoring = {"champion": champion, "champion p95": champion_p95}
    scoring |= {member.name: scoring_ms(member, ten)[0] for member in members}
    files = list(windows.rglob("*.parquet"))
    return ModelBench(
        targets=targets(training_s, read, champion_p95),
        seed=options.seed,
        source=source,
        coins=len(symbols),
        train_windows=snapshot.rows("volatile-train"),
        validation_windows=snapshot.rows("volatile-validation"),
        windows_s=round(windows_s, 1),
        windows_mib=round(sum(path.stat().st_size for path in files) / 2**20, 1),
        fits=fits,
        read_per_s=round(read),
        batches_per_s=round(batches),
        scoring_ms={name: round(ms, 2) for name, ms in scoring.items()},
        peak_mib=peak.mib(),
        ewma_pinball=pinball(validation.z, _bands(base, len(validation.z)), QUANTILES),
        machine=Machine.here(),
    )


def _train(
    windows: Path,
    spec: FeatureSpec,
    base: tuple[float, ...],
    settings: ModelSettings,
    validation: Windows,
    console: Console,
) -> FittedNetwork:
    def tell(epoch: Epoch) -> None:
        console.print(
            f"epoch {epoch.number}: pinball {epoch.val_pinball:.5f}  {epoch.seconds:.0f} s"
        )

    @contextmanager
    def batches() -> Iterator[Callable[[int], Iterator[Any]]]:
        with training_batches(
            windows / TRAIN,
            spec,
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            seed=settings.seed,
        ) as found:
            yield lambda _: found

    steps = len(_targets(windows / TRAIN)) // settings.batch_size
    return train("lstm", spec, base, settings, validation, batches(), steps, tell)


def _targets(folder: Path) -> npt.NDArray[np.float64]:
    return read_columns(folder, ["target_z"])["target_z"].astype(np.float64)


def _bands(base: tuple[float, ...], rows: int) -> npt.NDArray[np.float64]:
    return np.broadcast_to(np.asarray(base), (rows, len(base)))


def _candles(options: argparse.Namespace, folder: Path) -> tuple[Path, str]:
    """Return the folder of candles: that given, the recorded ones, or as many made up."""
    if options.candles is not None:
        return options.candles, str(options.candles)
    if RECORDED.is_dir():
        return RECORDED, "recorded hours"
    candles = folder / "candles"
    candles.mkdir()
    symbols = [f"COIN{number}USDT" for number in range(9)]
    panel = random_panel(symbols, hours=MADE_UP_HOURS, seed=options.seed, reversal=0.1)
    for symbol in symbols:
        pq.write_table(history_table(panel, symbol), candles / f"{symbol}-1h.parquet")
    return candles, "hours made up"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.model", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="of weights and order")
    parser.add_argument("--candles", type=Path, help="folder of SYMBOL-1h.parquet")
    return parser.parse_args()


if __name__ == "__main__":
    exit_now(main())
