"""`var/reports/soak.json` as typed models, and the table that is printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.reports import Machine
from tests.soak.measure import Flatness


class Figure(BaseModel):
    """One figure in the middle and the last third of the run; the first third is warm-up."""

    name: str
    unit: str
    middle: float = Field(description="Median of the second third.")
    last: float = Field(description="Median of the last third.")
    most: float = Field(description="Highest sample after the warm-up.")
    drift: float = Field(description="last / middle - 1.")
    allowed: float | None = Field(None, description="Largest drift upwards that counts as flat.")
    bound: float | None = Field(None, description="What `most` may reach; the drift is free then.")

    @classmethod
    def of(
        cls,
        name: str,
        unit: str,
        found: Flatness,
        *,
        allowed: float | None = None,
        bound: float | None = None,
    ) -> Figure:
        """Return the figure of samples, which must be flat or bounded."""
        return cls(
            name=name,
            unit=unit,
            middle=round(found.middle, 3),
            last=round(found.last, 3),
            most=round(found.most, 3),
            drift=round(found.drift, 4),
            allowed=allowed,
            bound=bound,
        )

    @property
    def problem(self) -> str | None:
        """What is wrong with it, in one line."""
        if self.allowed is not None and self.drift > self.allowed:
            return f"{self.name} grew by {self.drift:.1%}, {self.allowed:.0%} is allowed"
        if self.bound is not None and self.most > self.bound:
            return f"{self.name} reached {self.most:,.0f} {self.unit}, {self.bound:,.0f} is allowed"
        return None


class SoakReport(BaseModel):
    """`python -m tests.soak`. Times are wall seconds, memory is MiB."""

    is_green: bool
    seed: int
    minutes: float
    speed: float = Field(description="Exchange seconds per wall second.")
    trades_per_s: float = Field(description="What the exchange sent, over the whole run.")
    hours_closed: int = Field(description="Symbol-hours that the book closed.")
    equal: dict[str, int] = Field(description="Candles equal to the book, by store.")
    memory: list[Figure]
    batch: list[Figure]
    files: list[Figure]
    ends: dict[str, list[int]] = Field(description="Processes that ended by themselves; none.")
    problems: list[str] = Field(description="One line each; empty when green.")
    machine: Machine


def print_report(report: SoakReport, console: Console) -> None:
    """Print every figure with its drift."""
    table = Table(title=f"soak of {report.minutes:g} minutes", title_justify="left")
    for name in ("figure", "unit", "middle", "last", "most", "drift"):
        table.add_column(name, justify="left" if name in ("figure", "unit") else "right")
    for figure in (*report.memory, *report.batch, *report.files):
        values = (f"{value:,.2f}" for value in (figure.middle, figure.last, figure.most))
        mark = " ✗" if figure.problem else ""
        table.add_row(figure.name, figure.unit, *values, f"{figure.drift:+.1%}{mark}")
    console.print(table)
    console.print(
        f"{report.trades_per_s:,.0f} trades/s, {report.hours_closed:,} symbol-hours closed, "
        f"equal {report.equal}"
    )
    for line in report.problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
    console.print("[green]green[/green]" if report.is_green else "[red]red[/red]")
