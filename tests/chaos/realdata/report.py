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
    table = Table(
        title="recorded hours through the whole way", title_justify="left", box=None, pad_edge=False
    )
    columns = {
        "hours": "hours",
        "expected": "candles",
        "quote_volumes": "quote",
        "counts": "counts",
        "quiet": "quiet",
        "absent": "absent",
        "trades": "trades",
        "seconds": "s",
    }
    table.add_column("window")
    for title in (*columns.values(), "equal"):
        table.add_column(title, justify="right")
    for one in report.passes:
        values = [f"{getattr(one, name):,}" for name in columns]
        table.add_row(one.name, *values, f"{min(one.equal.values()):,}")
    console.print(table)
    for line in report.problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
    console.print("[green]green[/green]" if report.is_green else "[red]red[/red]")
