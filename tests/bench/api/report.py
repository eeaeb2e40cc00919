"""`var/reports/bench-api.json` as typed models, and the table that is printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.latency import Latency
from nexthour.reports import Machine
from tests.bench.targets import Target, print_targets

UNCACHED = "90 days of candles, uncached"
NOT_MODIFIED = "90 days of candles, not modified"
NOT_MODIFIED_MANY = "the same, 2,000 pages"
"""So many that none is asked for twice between two writes."""
LEAST_UNCACHED_PER_S, GOAL_UNCACHED_PER_S = 20, 40
MOST_UNCACHED_P95_MS, GOAL_UNCACHED_P95_MS = 150, 75
LEAST_NOT_MODIFIED_PER_S, GOAL_NOT_MODIFIED_PER_S = 500, 1_000
MOST_EVENT_P95_S, GOAL_EVENT_P95_S = 1.0, 0.7


class Load(BaseModel):
    """One kind of request, asked again and again."""

    name: str
    connections: int = Field(description="Requests under way at once.")
    requests: int
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float = Field(
        description="Processor time a request, API and Postgres together: does not hang on neighbours."
    )
    body_kib: float = Field(description="Of an answer, on average.")
    statuses: dict[str, int]


class ApiBench(BaseModel):
    """`make bench-api`: one run, one machine."""

    targets: list[Target]
    seed: int
    candles: int = Field(description="Rows of the table.")
    forecasts: int = Field(description="Rows of the table.")
    loads: list[Load]
    event_latency: Latency | None = Field(
        description="A candle's transaction is committed → its event is received."
    )
    memory_mib: float = Field(description="Resident memory of the API after all of it.")
    versions: dict[str, str]
    problems: list[str] = Field(description="One line each; empty when every answer was right.")
    machine: Machine

    @property
    def is_green(self) -> bool:
        """Whether every target is met and nothing is wrong."""
        return not self.problems and all(target.is_met for target in self.targets)


def targets(loads: list[Load], events: Latency | None) -> list[Target]:
    """Return the demands, for what was measured."""
    found = {load.name: load for load in loads}
    demands = []
    if UNCACHED in found:
        load = found[UNCACHED]
        demands += [
            Target(
                name=f"{UNCACHED}: requests/s",
                measured=load.per_s,
                least=LEAST_UNCACHED_PER_S,
                goal=GOAL_UNCACHED_PER_S,
            ),
            Target(
                name=f"{UNCACHED}: p95 ms",
                measured=load.p95_ms,
                most=MOST_UNCACHED_P95_MS,
                goal=GOAL_UNCACHED_P95_MS,
            ),
        ]
    if NOT_MODIFIED in found:
        demands.append(
            Target(
                name=f"{NOT_MODIFIED}: requests/s",
                measured=found[NOT_MODIFIED].per_s,
                least=LEAST_NOT_MODIFIED_PER_S,
                goal=GOAL_NOT_MODIFIED_PER_S,
            )
        )
    if events is not None:
        demands.append(
            Target(
                name="commit → event, p95 s",
                measured=events.p95_s,
                most=MOST_EVENT_P95_S,
                goal=GOAL_EVENT_P95_S,
            )
        )
    return demands


def wrong_answers(loads: list[Load]) -> list[str]:
    """Return a line for each load that had other answers than it was to have."""
    lines = []
    for load in loads:
        wanted = "304" if load.name in (NOT_MODIFIED, NOT_MODIFIED_MANY) else "200"
        others = {status: count for status, count in load.statuses.items() if status != wanted}
        if others or not load.requests:
            lines.append(f"{load.name}: {load.requests} answers, others than {wanted}: {others}")
    return lines


def print_report(report: ApiBench, console: Console) -> None:
    """Print the figures and what became of the targets."""
    table = Table(title=f"read API on one core, seed {report.seed}", title_justify="left")
    for title in ("request", "at once", "per s", "p50 ms", "p95 ms", "p99 ms", "cpu ms", "KiB"):
        table.add_column(title, justify="left" if title == "request" else "right")
    for load in report.loads:
        found = (load.p50_ms, load.p95_ms, load.p99_ms, load.cpu_ms)
        times = (f"{value:,.2f}" for value in found)
        table.add_row(
            load.name, str(load.connections), f"{load.per_s:,.0f}", *times, f"{load.body_kib:,.0f}"
        )
    console.print(table)
    if report.event_latency:
        one = report.event_latency
        console.print(
            f"  commit → event: p50 {one.p50_s:.2f} s, p95 {one.p95_s:.2f} s ({one.count})",
            highlight=False,
        )
    console.print(f"  resident memory {report.memory_mib:.0f} MiB", highlight=False)
    print_targets(report.targets, report.problems, console)
