"""`var/reports/bench-candles.json` as typed models, and the table that is printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.latency import Latency
from nexthour.reports import Machine
from tests.bench.candles.outcome import Rate
from tests.bench.targets import Target, print_targets

LEAST_PER_S, GOAL_PER_S = 300_000, 400_000
RATIOS = {
    "read": (0.45, 0.55, "of a no-op read"),
    "flink": (0.75, 1.0, "of Flink SQL on Avro"),
    "loop": (1.2, 1.2, "of the one-process Python loop"),
    "json": (2.0, 2.0, "of the same query on JSON"),
}
"""By what it is compared with: least, goal, and how it is said."""

MOST_DRIFT = 0.10
MOST_P50_S, MOST_P95_S = 1.2, 2.0
GOAL_P50_S, GOAL_P95_S = 0.7, 1.2


class Contestant(BaseModel):
    """One program on one topic, over all rounds."""

    name: str
    per_s: int = Field(description="Rows a second once warm, median of the rounds.")
    cpu_us: float = Field(description="Microseconds of processor time a row, median.")
    rounds: list[Rate]
    peak_mib: int = Field(description="Most resident memory of any round.")


class Flatness(BaseModel):
    """Cost of a trade under one more number of trades or symbols."""

    what: str
    per_s: dict[str, int]
    cpu_us: dict[str, float] = Field(
        description="Processor time a trade: does not hang on neighbours."
    )
    drift: float = Field(description="Wall time a trade, last over first, minus 1.")
    cpu_drift: float = Field(description="The same of processor time.")


class LatencyResult(BaseModel):
    """From the exchange sending x = true to the final candle; all queries run."""

    trades_per_s: int = Field(description="What the exchange sent meanwhile, all symbols.")
    hours: int = Field(description="Exchange hours that closed while it was measured.")
    postgres: Latency | None = Field(description="Readable in Postgres; polled every 0.1 s.")
    topic: Latency | None = Field(description="Read from `candles` by a read_committed consumer.")
    verdicts: dict[str, int]


class CandleBench(BaseModel):
    """`make bench-candles`: one run, one machine."""

    targets: list[Target]
    seed: int
    trades: int = Field(description="Of the Avro topic.")
    warm_after: int = Field(description="Rows that a program reads before it is measured.")
    topics: dict[str, dict[str, float]]
    contestants: list[Contestant]
    flatness: list[Flatness]
    stages_us: dict[str, float] = Field(
        description="Processor µs a trade of each step: the difference to the query without it."
    )
    verdicts: dict[str, int] = Field(description="Of all final candles of all rounds.")
    latency: LatencyResult | None
    problems: list[str] = Field(description="One line each; empty when every hour is complete.")
    machine: Machine

    @property
    def is_green(self) -> bool:
        """Whether every target is met and nothing is wrong."""
        return not self.problems and all(target.is_met for target in self.targets)


def throughput_targets(found: dict[str, Contestant]) -> list[Target]:
    """Return the targets of rate, for what was measured."""
    targets = []
    if "candles" in found:
        per_s = found["candles"].per_s
        targets.append(
            Target(name="trades/s, warm", measured=per_s, least=LEAST_PER_S, goal=GOAL_PER_S)
        )
        for other, (least, goal, text) in RATIOS.items():
            if other in found:
                ratio = round(per_s / found[other].per_s, 3)
                targets.append(Target(name=text, measured=ratio, least=least, goal=goal))
    return targets


def flatness_targets(flatness: list[Flatness]) -> list[Target]:
    """Return the targets of flat cost."""
    return [
        Target(
            name=f"cost a trade, {one.what}",
            measured=round(one.drift, 3),
            most=MOST_DRIFT,
            goal=0.0,
        )
        for one in flatness
    ]


def latency_targets(latency: LatencyResult | None) -> list[Target]:
    """Return the targets of latency."""
    targets = []
    for where in ("postgres", "topic"):
        found = getattr(latency, where, None)
        if found is not None:
            for name, value, most, goal in (
                ("p50", found.p50_s, MOST_P50_S, GOAL_P50_S),
                ("p95", found.p95_s, MOST_P95_S, GOAL_P95_S),
            ):
                text = f"x = true → {where}, {name} s"
                targets.append(Target(name=text, measured=value, most=most, goal=goal))
    return targets


def print_report(report: CandleBench, console: Console) -> None:
    """Print the figures and what became of the targets."""
    rates = Table(title=f"candles, seed {report.seed}", title_justify="left")
    for title in ("program", "rows/s warm", "processor µs/row", "peak MiB"):
        rates.add_column(title, justify="left" if title == "program" else "right")
    for one in report.contestants:
        rates.add_row(one.name, f"{one.per_s:,}", f"{one.cpu_us:.2f}", f"{one.peak_mib:,}")
    console.print(rates)
    for step, cost in report.stages_us.items():
        console.print(f"  {step:<22} {cost:6.2f} µs of processor a trade", highlight=False)
    for flat in report.flatness:
        figures = ", ".join(f"{key}: {value:,}/s" for key, value in flat.per_s.items())
        console.print(
            f"  {flat.what}: {figures} ({flat.drift:+.1%}, processor {flat.cpu_drift:+.1%})",
            highlight=False,
        )
    print_targets(report.targets, report.problems, console)
