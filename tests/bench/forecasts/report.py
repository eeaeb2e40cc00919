"""`var/reports/bench-forecasts.json` as typed models, and the table that is printed."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.latency import Latency, summarise
from nexthour.reports import Machine
from tests.bench.targets import Target, print_targets

MOST_GROWTH = 0.05
"""Of memory, the last third of the hours against the middle one; the first is the warm-up."""
MOST_HOUR_P95_S, GOAL_HOUR_P95_S = 1.0, 0.3
"""A quarter of the four seconds that a forecast may take from the closed kline on: candles come first."""


class ForecastsBench(BaseModel):
    """`make bench-forecasts`: one run, one machine."""

    targets: list[Target]
    hours: int
    symbols: int
    hour: Latency | None = Field(
        description="The handler's look at an hour whose candles are final → forecasts and scores in all stores, wall seconds."
    )
    memory_mib: list[float] = Field(
        description="Resident memory of the process, mean of each tenth."
    )
    problems: list[str] = Field(description="One line each; empty when all hours are there.")
    machine: Machine

    @property
    def is_green(self) -> bool:
        """Whether every target is met and nothing is wrong."""
        return not self.problems and all(target.is_met for target in self.targets)


def build_report(
    seconds: Sequence[float], memory_mib: Sequence[float], symbols: int, problems: list[str]
) -> ForecastsBench:
    """Return the report of hours that were passed one after the other.

    Args:
        seconds: wall time of each hour.
        memory_mib: resident memory after each hour.
        symbols: of an hour.
        problems: what is missing.
    """
    third, tenth = len(memory_mib) // 3, max(len(memory_mib) // 10, 1)
    growth = _mean(memory_mib[2 * third :]) / _mean(memory_mib[third : 2 * third]) - 1
    hour = summarise(seconds)
    assert hour is not None
    return ForecastsBench(
        targets=[
            Target(
                name="memory, last third against the middle",
                measured=round(growth, 4),
                most=MOST_GROWTH,
            ),
            Target(
                name="an hour, p95 s",
                measured=hour.p95_s,
                most=MOST_HOUR_P95_S,
                goal=GOAL_HOUR_P95_S,
            ),
        ],
        hours=len(seconds),
        symbols=symbols,
        hour=hour,
        memory_mib=[
            round(_mean(memory_mib[at : at + tenth]), 1)
            for at in range(0, tenth * (len(memory_mib) // tenth), tenth)
        ],
        problems=problems,
        machine=Machine.here(),
    )


def print_report(report: ForecastsBench, console: Console) -> None:
    """Print memory by tenths and the targets."""
    table = Table(title=f"{report.hours} hours of {report.symbols} symbols", title_justify="left")
    table.add_column("tenth", justify="right")
    table.add_column("resident MiB", justify="right")
    for number, mib in enumerate(report.memory_mib, 1):
        table.add_row(str(number), f"{mib:,.1f}")
    console.print(table)
    print_targets(report.targets, report.problems, console)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
