"""`var/reports/bench-dashboard.json` as typed models, and the table that is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.latency import percentile
from nexthour.reports import Machine
from tests.bench.targets import Target, print_targets

MOST_DATA_P95_MS = 300
MOST_PAINT_P95_MS = 2_000
MOST_REFRESH_P95_MS = 300
MOST_CROWD_P95_MS = 1_000
MOST_DRIFT = 0.05


class Timing(BaseModel):
    """Wall times of one thing, done again and again."""

    name: str
    count: int
    p50_ms: float
    p95_ms: float
    max_ms: float


class Memory(BaseModel):
    """Resident memory of the dashboard while viewers look on."""

    refreshes: int = Field(description="Of fragments, all viewers together.")
    equals_hours: float = Field(description="How long one viewer takes for so many.")
    samples_mib: list[float] = Field(description="At even distances, warm from the first on.")

    @property
    def drift(self) -> float:
        """Median of the last quarter over that of the first, minus 1."""
        quarter = max(1, len(self.samples_mib) // 4)
        first, last = self.samples_mib[:quarter], self.samples_mib[-quarter:]
        return median(last) / median(first) - 1


class DashboardBench(BaseModel):
    """`make bench-dashboard`: one run, one machine."""

    targets: list[Target]
    seed: int
    candles: int = Field(description="Rows of the table.")
    forecasts: int = Field(description="Rows of the table, and scores of all of them.")
    page_data: list[Timing] = Field(
        description="Statements and frames of a page, nothing of it kept from before, without Streamlit."
    )
    opens: list[Timing] = Field(description="A page's whole script: asked → all sent to a viewer.")
    refreshes: list[Timing] = Field(description="A page's own fragment: asked → all sent.")
    crowd: list[Timing] = Field(description="All viewers at once, each at the usual interval.")
    paints: list[Timing] = Field(description="In Chromium, with nothing in its cache.")
    memory: Memory
    versions: dict[str, str]
    problems: list[str] = Field(description="One line each; empty when every page was sent whole.")
    machine: Machine

    @property
    def is_green(self) -> bool:
        """Whether every target is met and nothing is wrong."""
        return not self.problems and all(target.is_met for target in self.targets)


def timing(name: str, seconds: Iterable[float]) -> Timing:
    """Return the figures of some wall times; there must be one."""
    taken_ms = [1000 * value for value in seconds]
    return Timing(
        name=name,
        count=len(taken_ms),
        p50_ms=round(percentile(taken_ms, 0.5), 1),
        p95_ms=round(percentile(taken_ms, 0.95), 1),
        max_ms=round(max(taken_ms), 1),
    )


def targets(
    page_data: Sequence[Timing],
    refreshes: Sequence[Timing],
    crowd: Sequence[Timing],
    paints: Sequence[Timing],
    memory: Memory,
) -> list[Target]:
    """Return the demands: of each group the slowest counts."""
    groups = (
        ("page data of 90 days", page_data, MOST_DATA_P95_MS),
        ("refresh", refreshes, MOST_REFRESH_P95_MS),
        ("viewers at once", crowd, MOST_CROWD_P95_MS),
        ("first paint", paints, MOST_PAINT_P95_MS),
    )
    demands = []
    for name, timings, most in groups:
        slowest = max(timings, key=lambda one: one.p95_ms)
        demands.append(
            Target(name=f"{name}: p95 ms ({slowest.name})", measured=slowest.p95_ms, most=most)
        )
    drift = round(abs(memory.drift), 4)
    demands.append(Target(name="memory: drift, either way", measured=drift, most=MOST_DRIFT))
    return demands


def print_report(report: DashboardBench, console: Console) -> None:
    """Print the figures and what became of the targets."""
    table = Table(title=f"dashboard on one core, seed {report.seed}", title_justify="left")
    for heading in ("what", "count", "p50 ms", "p95 ms", "max ms"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for group, timings in (
        ("data", report.page_data),
        ("open", report.opens),
        ("refresh", report.refreshes),
        ("at once", report.crowd),
        ("browser", report.paints),
    ):
        for one in timings:
            figures = (f"{one.p50_ms:,.0f}", f"{one.p95_ms:,.0f}", f"{one.max_ms:,.0f}")
            table.add_row(f"{group}: {one.name}", f"{one.count:,}", *figures)
    console.print(table)
    memory = report.memory
    console.print(
        f"memory over {memory.refreshes:,} refreshes ({memory.equals_hours:.1f} h of one viewer): "
        f"{memory.samples_mib[0]:.0f} → {memory.samples_mib[-1]:.0f} MiB, drift {memory.drift:+.1%}",
        highlight=False,
    )
    print_targets(report.targets, report.problems, console)
