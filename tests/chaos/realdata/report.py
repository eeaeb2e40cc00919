"""`var/reports/realdata-candles.json` as typed models, and the table that is printed."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.reports import Machine


class PassResult(BaseModel):
    """One window of recorded hours."""

    name: str
    start: datetime = Field(description="First hour, UTC.")
    hours: int
    symbols: list[str]
    speed: float = Field(description="Exchange seconds per wall second.")
    expected: int = Field(description="Recorded symbol-hours.")
    equal: dict[str, int] = Field(
        description="Those that equal the record in all that it has, by store."
    )
    quote_volumes: int = Field(description="Hours of which the quote volume was compared, too.")
    counts: int = Field(description="Hours of which the number of trades was compared, too.")
    quiet: int = Field(description="Recorded hours without volume.")
    absent: int = Field(description="Hours that the record, and so every store, lacks.")
    trades: int = Field(description="Trades that the exchange sent.")
    seconds: float
    problems: list[str] = Field(description="One line each; empty when green.")


class RealDataReport(BaseModel):
    """`python -m tests.chaos.realdata`. Times are wall seconds."""

    is_green: bool
    passes: list[PassResult]
    seconds: float
    problems: list[str] = Field(description="One line each; empty when green.")
    machine: Machine


def print_report(report: RealDataReport, console: Console) -> None:
    """Print one line per window."""
    table = Table(title="recorded hours through the whole way", title_justify="left")
    columns = ("expected", "quote_volumes", "counts", "quiet", "absent", "trades", "seconds")
    for name in ("window", "hours", *columns, "equal in each store"):
        table.add_column(name.replace("_", " "), justify="left" if name == "window" else "right")
    for one in report.passes:
        values = [f"{getattr(one, name):,}" for name in columns]
        equal = ", ".join(f"{count:,}" for count in one.equal.values())
        table.add_row(f"{one.name} {one.start:%Y-%m-%d}", f"{one.hours:,}", *values, equal)
    console.print(table)
    for line in report.problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
    console.print("[green]green[/green]" if report.is_green else "[red]red[/red]")
