"""`var/reports/bench-producers.json` as typed models, and the table that is printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.reports import Machine

LEAST_PER_S, MOST_P99_MS, MOST_GROWTH = 25_000, 150.0, 0.05
STEADY_PER_S, TRADES_FLAT = 5_000, 5_000_000


class Sustained(BaseModel):
    """A lively market for some minutes, after a warm-up."""

    trades: int = Field(description="Records committed after the warm-up of a million.")
    seconds: float = Field(description="What they took.")
    committed_per_s: int = Field(description="Websocket to committed, mean.")
    fastest_2s_per_s: int = Field(description="The fastest two seconds.")
    sent_per_s: int = Field(description="What the exchange sent meanwhile.")
    cores: dict[str, float] = Field(description="Processor cores used, by part.")
    commits: int = Field(description="Transactions, the warm-up's included.")
    mean_commit_ms: float
    slowest_commit_ms: int
    memory_early_mib: int = Field(description="The producer's resident memory, first tenth.")
    memory_late_mib: int = Field(description="The same, last tenth.")
    memory_growth: float = Field(description="Late over early, minus 1.")


class LatencyResult(BaseModel):
    """Wall ms from the exchange's event time to a read_committed reader."""

    trades: int
    per_s: int = Field(description="Trades a second that came over the stream.")
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Burst(BaseModel):
    """Extra trades of one symbol within one exchange second."""

    trades: int = Field(description="Extra trades.")
    most_in_a_second: int = Field(description="Most trades read in one wall second.")
    slowest_ms: float = Field(description="Oldest trade when it was read.")
    read_of_symbol: int = Field(description="Trades of the symbol read since the burst was asked.")
    missing: int = Field(description="Breaks of any series; must be 0.")


class ProducerBench(BaseModel):
    """`make bench-producers`: one run, one machine."""

    meets: dict[str, bool] = Field(description="Each target and whether it was met.")
    seed: int
    sustained: Sustained
    latency: LatencyResult
    burst: Burst
    stages_us: dict[str, float] = Field(description="Microseconds per trade of each step, alone.")
    peers_per_s: dict[str, int] = Field(
        description="Receive paths of others on the same exchange: parsed and dropped, no Kafka."
    )
    problems: list[str] = Field(description="One line each; empty when nothing was lost.")
    machine: Machine


def targets(sustained: Sustained, latency: LatencyResult, burst: Burst) -> dict[str, bool]:
    """Return each target and whether it was met."""
    return {
        f"sustained ≥ {LEAST_PER_S:,} trades/s": sustained.committed_per_s >= LEAST_PER_S,
        f"p99 ≤ {MOST_P99_MS:.0f} ms at ≥ {STEADY_PER_S:,}/s": latency.p99_ms <= MOST_P99_MS
        and latency.per_s >= STEADY_PER_S,
        f"burst of {burst.trades:,} with nothing lost": burst.missing == 0
        and burst.read_of_symbol >= burst.trades,
        f"memory within 5 % over {sustained.trades:,} trades": abs(sustained.memory_growth)
        <= MOST_GROWTH
        and sustained.trades >= TRADES_FLAT,
    }


def print_report(report: ProducerBench, console: Console) -> None:
    """Print the figures."""
    table = Table(title=f"producer, seed {report.seed}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    at, late, burst = report.sustained, report.latency, report.burst
    table.add_row("sustained, websocket to committed", f"{at.committed_per_s:,} trades/s")
    table.add_row("fastest two seconds", f"{at.fastest_2s_per_s:,} trades/s")
    cores = ", ".join(f"{part} {used:.2f}" for part, used in at.cores.items())
    table.add_row("cores", cores)
    table.add_row(
        f"{at.commits:,} commits",
        f"mean {at.mean_commit_ms:.0f}, slowest {at.slowest_commit_ms} ms",
    )
    table.add_row(
        f"memory over {at.trades:,} trades",
        f"{at.memory_early_mib} → {at.memory_late_mib} MiB ({at.memory_growth:+.1%})",
    )
    table.add_row(
        f"latency to committed at {late.per_s:,}/s",
        f"p50 {late.p50_ms:.0f}, p95 {late.p95_ms:.0f}, p99 {late.p99_ms:.0f} ms",
    )
    table.add_row(
        f"burst of {burst.trades:,}", f"{burst.missing} missing, slowest {burst.slowest_ms:.0f} ms"
    )
    for name, cost in report.stages_us.items():
        table.add_row(f"  {name}", f"{cost:.2f} µs/trade")
    for name, rate in report.peers_per_s.items():
        table.add_row(f"{name}, receive only", f"{rate:,} messages/s")
    console.print(table)
    for target, is_met in report.meets.items():
        console.print(f"[green]✓[/green] {target}" if is_met else f"[red]✗[/red] {target}")
    for line in report.problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
