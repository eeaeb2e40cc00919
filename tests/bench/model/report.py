"""`var/reports/bench-model.json` as typed models, and the table that is printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.reports import Machine
from tests.bench.targets import Target, print_targets

MOST_TRAINING_S = 12 * 60
LEAST_READ_PER_S = 90_000
MOST_SCORING_MS = 20.0


class Fit(BaseModel):
    """A fit of one member."""

    member: str
    seconds: float
    epochs: int = Field(description="Passes over the windows; 0 for what has none.")
    best: int
    pinball: float = Field(description="On the validation windows, in sigmas.")


class ModelBench(BaseModel):
    """`make bench-model`: one run, one machine."""

    targets: list[Target]
    seed: int
    source: str = Field(description="Whose hours: recorded or made up.")
    coins: int
    train_windows: int
    validation_windows: int
    windows_s: float = Field(description="Spark job: hours → windows as Parquet.")
    windows_mib: float
    fits: list[Fit]
    read_per_s: float = Field(description="Windows a second through Petastorm's own reader.")
    batches_per_s: float = Field(description="The same as shuffled batches of tf.data.")
    scoring_ms: dict[str, float] = Field(
        description="Ten rows: median and p95 of the champion and of each member."
    )
    peak_mib: int
    ewma_pinball: float = Field(description="Of the last close with EWMA bands, same windows.")
    machine: Machine

    @property
    def is_green(self) -> bool:
        """Whether every target is met."""
        return all(target.is_met for target in self.targets)


def targets(training_s: float, read_per_s: float, scoring_ms: float) -> list[Target]:
    """Return the demands, for what was measured."""
    return [
        Target(name="LSTM training, s", measured=training_s, most=MOST_TRAINING_S),
        Target(name="Petastorm reader, windows/s", measured=read_per_s, least=LEAST_READ_PER_S),
        Target(name="scoring ten rows, ms", measured=scoring_ms, most=MOST_SCORING_MS),
    ]


def print_report(report: ModelBench, console: Console) -> None:
    """Print the figures and the targets."""
    console.print(
        f"{report.source}: {report.coins} coins, {report.train_windows:,} windows train, "
        f"{report.validation_windows:,} validate; made in {report.windows_s:.0f} s, "
        f"{report.windows_mib:,.0f} MiB"
    )
    table = Table(box=None)
    for name in ("fit", "seconds", "epochs", "best", "pinball"):
        table.add_column(name, justify="left" if name == "fit" else "right")
    for fit in report.fits:
        epochs, best = (str(fit.epochs), str(fit.best)) if fit.epochs else ("", "")
        table.add_row(fit.member, f"{fit.seconds:.0f}", epochs, best, f"{fit.pinball:.5f}")
    table.add_row("last close, EWMA bands", "", "", "", f"{report.ewma_pinball:.5f}")
    console.print(table)
    console.print(
        f"read {report.read_per_s:,.0f} windows/s, as batches {report.batches_per_s:,.0f}; ten rows: "
        + ", ".join(f"{name} {ms:.1f} ms" for name, ms in report.scoring_ms.items())
        + f"; peak {report.peak_mib:,} MiB"
    )
    print_targets(report.targets, (), console)
