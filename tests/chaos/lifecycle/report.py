"""`var/reports/chaos-lifecycle.json` as typed models, and the table that is printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.latency import Latency
from nexthour.reports import Machine


class EventLine(BaseModel):
    """One event of the life cycle."""

    at_hour: float = Field(description="Exchange hours since the live series began.")
    kind: str
    version: str | None
    reason: str


class LifecycleReport(BaseModel):
    """`python -m tests.chaos.lifecycle`. Latencies are wall seconds from the sent closed kline."""

    is_green: bool
    speed: float = Field(description="Exchange seconds per wall second.")
    minutes: float = Field(description="Wall minutes of the live series.")
    hours_closed: int = Field(description="Exchange hours of which every coin has a final candle.")
    forecasts: dict[str, int] = Field(description="Live forecasts by version, refusals apart.")
    refusals: dict[str, int] = Field(description="By reason.")
    scored: int = Field(description="Live forecasts with a score.")
    unscored: int = Field(description="Live forecasts whose hour is final and that have none.")
    events: list[EventLine]
    candle_latency: Latency | None = Field(description="Hours that closed while nothing trained.")
    candle_latency_training: Latency | None = Field(description="Hours that closed in a training.")
    forecast_latency: Latency | None
    forecast_latency_training: Latency | None
    projections: int = Field(description="Rows of the newest fan.")
    problems: list[str] = Field(description="One line each; empty when green.")
    machine: Machine


def print_report(report: LifecycleReport, console: Console) -> None:
    """Print the events and the latencies."""
    table = Table(title="events of the life cycle", title_justify="left")
    for name in ("hour", "event", "version", "reason"):
        table.add_column(name, justify="right" if name == "hour" else "left")
    for event in report.events:
        table.add_row(f"{event.at_hour:.1f}", event.kind, event.version or "", event.reason[:90])
    console.print(table)
    for name, latency in (
        ("candle", report.candle_latency),
        ("candle, while training", report.candle_latency_training),
        ("forecast", report.forecast_latency),
        ("forecast, while training", report.forecast_latency_training),
    ):
        if latency:
            console.print(
                f"hour closed → {name}: p50 {latency.p50_s:.2f} s, p95 {latency.p95_s:.2f} s, "
                f"max {latency.max_s:.2f} s ({latency.count})"
            )
    console.print(
        f"{report.hours_closed} hours, forecasts {report.forecasts}, refusals {report.refusals}, "
        f"{report.scored} scored, {report.unscored} not"
    )
    for line in report.problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
    console.print("[green]green[/green]" if report.is_green else "[red]red[/red]")
