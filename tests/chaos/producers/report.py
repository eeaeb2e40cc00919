"""`var/reports/chaos-producers.json` as typed models, and the table that is printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.reports import Machine


class KindResult(BaseModel):
    """One kind of fault."""

    kind: str
    group: str = Field(
        description="Where it strikes: message, connection, rest, broker, process, load, book."
    )
    injected: int = Field(description="How many were injected.")
    confirmed: int | None = Field(
        description="How often the exchange itself counted it; null where it is not the exchange's."
    )
    seen: dict[str, int] = Field(description="Faults by the sign that showed them first.")
    unseen: int = Field(description="Faults without a sign; must be 0.")
    slowest_s: float = Field(description="Longest wall time from the injected wave to the sign.")


class SymbolResult(BaseModel):
    """One symbol's series in the topic `trades` against the exchange's book."""

    symbol: str
    first_id: int
    last_id: int
    trades: int = Field(description="TRADE records.")
    from_rest: int = Field(description="Those of them that came from REST.")
    missing: int = Field(description="Ids of the book that the topic lacks; must be 0.")
    doubled: int = Field(description="Ids that the topic has twice; must be 0.")
    out_of_order: int = Field(description="Ids after a higher one; must be 0.")
    different: int = Field(
        description="Trades of which price, quantity, time or maker is not the book's; must be 0."
    )
    gap_ids: int = Field(description="Ids declared by GAP records; the book has none of them.")
    hours_closed: int = Field(description="CLOSE records; each has the book's figures.")
    hours_closed_by_rest: int = Field(description="Those of which the witness came from REST.")
    quiet_hours: int = Field(description="Those without a trade.")
    problems: list[str] = Field(description="One line each; empty when green.")


class Connections(BaseModel):
    """Attempts to open a websocket, as the exchange counted them."""

    attempts: int
    refused: int = Field(description="Attempts that the exchange turned away.")
    window_s: float = Field(description="Length of the sliding window, wall seconds.")
    most_in_window: int = Field(description="Most attempts in any such window.")
    budget: int = Field(description="What the producer may at most do in such a window.")


class ChaosReport(BaseModel):
    """`make chaos-producers`. Times are wall seconds."""

    is_green: bool = Field(
        description="Nothing missing, doubled, disordered, different or unseen, and no problem."
    )
    seed: int = Field(description="The same seed gives the same faults in the same order.")
    speed: float = Field(description="Exchange seconds per wall second.")
    seconds: float = Field(description="The whole command.")
    faults: int = Field(description="Faults injected.")
    kinds: list[KindResult]
    symbols: list[SymbolResult]
    connections: Connections
    producers_started: int = Field(description="Producer processes of the run.")
    exit_codes: dict[str, int] = Field(
        description="How they ended: 0 stopped, 3 fenced, -9 killed."
    )
    stop_s: float = Field(description="From SIGTERM to the end of the last producer.")
    counters: dict[str, float] = Field(
        description="Counters summed over all producers, each as last read before its end."
    )
    incidents: dict[str, int] = Field(description="Incidents in the topic, by kind.")
    dead_letters: dict[str, int] = Field(description="Dead letters in the topic, by reason.")
    problems: list[str] = Field(description="One line each; empty when green.")
    machine: Machine


def print_report(report: ChaosReport, console: Console) -> None:
    """Print what was injected, how it showed, and how the topic compares with the book."""
    faults = Table(title=f"faults, seed {report.seed}", title_justify="left")
    for name in ("kind", "strikes"):
        faults.add_column(name)
    for name in ("injected", "unseen", "slowest s"):
        faults.add_column(name, justify="right")
    faults.add_column("seen as")
    for kind in report.kinds:
        seen = ", ".join(f"{sign} × {count}" for sign, count in kind.seen.items())
        faults.add_row(
            kind.kind,
            kind.group,
            str(kind.injected),
            str(kind.unseen),
            f"{kind.slowest_s:.1f}",
            seen,
        )
    console.print(faults)
    columns = ("trades", "from_rest", "missing", "doubled", "out_of_order", "different")
    series = Table(title="topic against the exchange's book", title_justify="left")
    series.add_column("symbol")
    for name in (*columns, "gap_ids", "hours_closed", "hours_closed_by_rest"):
        series.add_column(name.replace("_", " "), justify="right")
    for row in report.symbols:
        values = [*(getattr(row, name) for name in columns), row.gap_ids]
        values += [row.hours_closed, row.hours_closed_by_rest]
        series.add_row(row.symbol, *(f"{value:,}" for value in values))
    console.print(series)
    at = report.connections
    console.print(
        f"{report.faults} faults of {len(report.kinds)} kinds in {report.seconds:.0f} s; "
        f"{report.producers_started} producers started, ends by exit code {report.exit_codes}; "
        f"{at.attempts} connection attempts ({at.refused} refused), at most {at.most_in_window} in "
        f"{at.window_s:.0f} s of {at.budget} allowed"
    )
    for line in report.problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
    console.print("[green]green[/green]" if report.is_green else "[red]red[/red]")
