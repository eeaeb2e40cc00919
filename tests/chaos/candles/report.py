"""`var/reports/chaos-candles.json` as typed models, and the tables that are printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.reports import Machine


class PointResult(BaseModel):
    """Kills at one named point of a batch."""

    point: str
    kills: int = Field(description="Processes that ended there by SIGKILL.")
    with_open_hours: int = Field(
        description="Those after which the book had closed hours that Postgres lacked."
    )
    slowest_s: float = Field(description="Longest life of such a process, start included.")


class StepResult(BaseModel):
    """One outage or attack."""

    kind: str
    away_s: float = Field(description="Wall seconds from its begin until everything served again.")
    recovered_s: float = Field(
        description="From then until Postgres had every hour that had closed meanwhile."
    )
    ends: list[int] = Field(description="Exit codes of the application meanwhile, if it ended.")
    detail: str = ""


class Stores(BaseModel):
    """Final candles of the three stores against the exchange's book."""

    expected: int = Field(description="Symbol-hours that must equal the book.")
    equal: dict[str, int] = Field(description="Those that do, by store.")
    missing: dict[str, int]
    doubled: dict[str, int] = Field(description="Hours with more than revision 1, by store.")
    disputed: int = Field(
        description="Hours that a second writer spoilt; each must be disputed in all stores."
    )
    topic_messages: int = Field(description="Messages of the topic; repeats carry the same bytes.")
    parquet_files: int
    leftovers: list[str] = Field(description="Hidden or temporary files among the candles.")


class ChaosReport(BaseModel):
    """`make chaos-candles`. Times are wall seconds."""

    is_green: bool
    seed: int = Field(description="The same seed gives the same steps in the same order.")
    speed: float = Field(description="Exchange seconds per wall second.")
    seconds: float
    points: list[PointResult]
    random_kills: int = Field(description="Processes killed at any time.")
    steps: list[StepResult]
    injected: dict[str, int] = Field(description="What the exchange spoilt, by kind.")
    stores: Stores
    filtered_written: dict[str, int] = Field(
        description="Records written straight into the topic that may not enter a candle, by reason."
    )
    filtered_seen: dict[str, int] = Field(
        description="What the query counted of them while no process was killed."
    )
    second_app: list[str] = Field(description="What a second application did, each time.")
    late_symbols: list[str] = Field(
        description="Hours of symbols that were held back, and how late the topic closed them."
    )
    incidents: dict[str, int] = Field(description="Incidents in the topic, by kind.")
    dead_letters: dict[str, int] = Field(description="Dead letters in the topic, by reason.")
    ends: dict[str, int] = Field(description="Ends of the application, by exit code.")
    stop_s: float = Field(description="From SIGTERM to the end of the last process.")
    problems: list[str] = Field(description="One line each; empty when green.")
    machine: Machine


def print_report(report: ChaosReport, console: Console) -> None:
    """Print kills by point, outages with their recovery, and the comparison."""
    points = Table(title=f"kill -9 at named points, seed {report.seed}", title_justify="left")
    for name in ("point", "kills", "with open hours", "slowest s"):
        points.add_column(name, justify="left" if name == "point" else "right")
    for point in report.points:
        points.add_row(
            point.point, str(point.kills), str(point.with_open_hours), f"{point.slowest_s:.1f}"
        )
    console.print(points)
    steps = Table(title="outages and attacks", title_justify="left")
    for name in ("kind", "away s", "recovered s", "ends", "detail"):
        steps.add_column(name, justify="right" if name.endswith("s") else "left")
    for step in report.steps:
        ends = " ".join(map(str, step.ends))
        steps.add_row(step.kind, f"{step.away_s:.1f}", f"{step.recovered_s:.1f}", ends, step.detail)
    console.print(steps)
    found = report.stores
    stores = Table(title="stores against the exchange's book", title_justify="left")
    for name in ("store", "expected", "equal", "missing", "doubled"):
        stores.add_column(name, justify="left" if name == "store" else "right")
    for store, equal in found.equal.items():
        values = (found.expected, equal, found.missing[store], found.doubled[store])
        stores.add_row(store, *(f"{value:,}" for value in values))
    console.print(stores)
    console.print(
        f"{sum(point.kills for point in report.points)} kills at points, {report.random_kills} at "
        f"random times, {found.disputed} spoilt hours disputed, filtered "
        f"{report.filtered_seen} of {report.filtered_written}, in {report.seconds:.0f} s; "
        f"ends by exit code {report.ends}"
    )
    for line in report.problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
    console.print("[green]green[/green]" if report.is_green else "[red]red[/red]")
