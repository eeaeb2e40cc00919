"""``python -m tests.bench.candles [--seed N]``: exit code 0 if every target is met, 1 if not."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from local.ports import PortClaims
from nexthour.progress import Steps
from nexthour.reports import Machine, write_report
from tests.bench.candles.latency import measure_latency
from tests.bench.candles.outcome import Rate, rate
from tests.bench.candles.peers import install
from tests.bench.candles.report import (
    CandleBench,
    Contestant,
    Flatness,
    LatencyResult,
    flatness_targets,
    latency_targets,
    print_report,
    throughput_targets,
)
from tests.bench.candles.throughput import Measured, Runner
from tests.bench.candles.world import Topic, World, running_world

REPORT = Path("var/reports/bench-candles.json")
PARTS = ("rates", "stages", "symbols", "length", "latency")
STAGES = {"read": "read", "decode": "decode", "judge": "judge", "candles": "count, aggregate"}
"""Kinds of queries, each with one step more than the one before, and what that step does."""

PER_HOUR = 2_000_000
MANY_SYMBOLS = 500
TURNS = 2
"""Of few and many symbols, and of the steps, one after the other."""

PAIRS = 3
"""Of the query and the no-op read, in each round: the same machine is a quarter slower or faster some minutes
later, so that one pair alone said 0.39 and 0.48 on one day."""


class Bench:
    """One run: topics, what was measured, what was wrong."""

    def __init__(
        self, world: World, options: argparse.Namespace, say: Callable[[str], None]
    ) -> None:
        self._world, self._options, self._say = world, options, say
        self.topics: dict[str, Topic] = {}
        self.measured: dict[str, list[Measured]] = defaultdict(list)
        self.verdicts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.flatness: list[Flatness] = []
        self.stages_us: dict[str, float] = {}
        self._runner = Runner(world, options.warm, say, PortClaims(), options.batch)

    def _topic(self, name: str, trades: int, symbols: int = 10) -> Topic:
        if name not in self.topics:
            hours = max(2, trades // PER_HOUR)
            topic = self._world.filled(
                name,
                "json" if name == "json" else "avro",
                symbols=symbols,
                hours=hours,
                trades=trades,
                seed=self._options.seed,
            )
            self._say(
                f"topic {name}: {topic.trades:,} trades, {symbols} symbols, {topic.mib:,} MiB, "
                f"filled in {topic.fill_s:.0f} s"
            )
            self.topics[name] = topic
        return self.topics[name]

    @property
    def _avro(self) -> Topic:
        trades = self._options.trades
        if "length" in self._options.parts:
            trades = max(trades, self._options.long_trades)
        return self._topic("avro", trades)

    def _keep(self, name: str, measured: Measured) -> None:
        self.measured[name].append(measured)
        self.verdicts.update(measured.outcome.verdicts)
        self.problems += [f"{name}: not complete: {line}" for line in measured.outcome.doubts]

    def rates(self) -> None:
        """Measure the query and what it is compared with, round after round."""
        options = self._options
        avro, json = self._avro, self._topic("json", options.json_trades)
        peers = install(self._say)
        for number in range(options.rounds):
            self._say(f"round {number + 1} of {options.rounds}")
            for _ in range(PAIRS):
                self._keep("candles", self._runner.spark("candles", avro, options.trades))
                self._keep("read", self._runner.spark("read", avro, options.trades))
            self._keep("flink", self._runner.flink(avro, options.trades, peers))
            self._keep("json", self._runner.spark("json", json, options.json_trades))
            self._keep("loop on JSON", self._runner.loop(json, options.json_trades // 3))
            self._keep("loop on Avro", self._runner.loop(avro, options.json_trades // 3))

    def stages(self) -> None:
        """Measure where the time goes, by leaving steps out.

        The least processor time of some turns: from one single run each, a step has been found to cost less
        than nothing.
        """
        rows = self._options.stage_trades
        costs: dict[str, list[float]] = defaultdict(list)
        for _ in range(TURNS):
            for kind in STAGES:
                costs[kind].append(self._runner.spark(kind, self._avro, rows).rate.cpu_us)
        before = 0.0
        for kind, step in STAGES.items():
            least = min(costs[kind])
            self.stages_us[step] = round(least - before, 3)
            before = least

    def symbols(self) -> None:
        """Measure ten symbols against five hundred, up to the same trade.

        Over all trades, as the rates: a topic that ends after the first large batches would be judged by
        its last one, which is a small one.
        """
        rows = self._options.trades
        many = self._topic("symbols", rows, MANY_SYMBOLS)
        few_rates, many_rates = [], []
        for _ in range(TURNS):
            few_rates.append(self._runner.spark("candles", self._avro, rows).rate)
            found = self._runner.spark("candles", many, rows)
            self._keep(f"candles, {MANY_SYMBOLS} symbols", found)
            many_rates.append(found.rate)
        rates = {
            "10 symbols": least_disturbed(few_rates),
            f"{MANY_SYMBOLS} symbols": least_disturbed(many_rates),
        }
        self.flatness.append(flatness("10 to 500 symbols", rates))

    def length(self) -> None:
        """Measure a warm query's first trades against its last, in one process."""
        options = self._options
        measured = self._runner.spark("candles", self._avro, options.long_trades)
        self._keep("candles, long", measured)
        samples = measured.outcome.samples
        begin, end = samples[0].rows, samples[-1].rows
        span = options.long_trades // 4
        rates = {"first": rate(samples, 0, begin + span), "last": rate(samples, end - span)}
        said = f"{begin / 1e6:.0f} M to {end / 1e6:.0f} M trades"
        self.flatness.append(flatness(said, rates))

    def contestants(self) -> dict[str, Contestant]:
        """Return what was measured more than for its own sake; `loop` is the faster one."""
        found = {}
        for name, all_rounds in self.measured.items():
            rates = [one.rate for one in all_rounds]
            found[name] = Contestant(
                name=name,
                per_s=round(statistics.median(one.per_s for one in rates)),
                cpu_us=round(statistics.median(one.cpu_us for one in rates), 3),
                rounds=rates,
                peak_mib=max(one.outcome.peak_mib for one in all_rounds),
            )
        return found


def least_disturbed(rates: Sequence[Rate]) -> Rate:
    """Return the fastest of equal runs: other work on the machine only ever makes one slower."""
    return max(rates, key=lambda one: one.per_s)


def flatness(what: str, rates: Mapping[str, Rate]) -> Flatness:
    """Return how the cost of a trade changes from the first of some rates to the last."""
    first, *_, last = rates.values()
    return Flatness(
        what=what,
        per_s={key: one.per_s for key, one in rates.items()},
        cpu_us={key: one.cpu_us for key, one in rates.items()},
        drift=round(first.per_s / last.per_s - 1, 4),
        cpu_drift=round(last.cpu_us / first.cpu_us - 1, 4),
    )


def main() -> int:
    """Measure, print the table, write the report."""
    options = _options()
    console = Console()
    steps = Steps(console)

    def say(text: str) -> None:
        console.print(
            f"[dim]{steps.elapsed_s:6.0f} s[/dim]  {text}", highlight=False, soft_wrap=True
        )

    with running_world() as world:
        bench = Bench(world, options, say)
        for part in ("rates", "stages", "symbols", "length"):
            if part in options.parts:
                say(f"[bold]{part}[/bold]")
                getattr(bench, part)()
        latency = _latency(world, bench, options, steps) if "latency" in options.parts else None
    report = _report(bench, latency, options)
    write_report(report, REPORT)
    print_report(report, console)
    console.print(str(REPORT))
    return 0 if report.is_green else 1


def _latency(
    world: World, bench: Bench, options: argparse.Namespace, steps: Steps
) -> LatencyResult:
    world.stop()  # its broker would share the cores
    latency, problems = measure_latency(world.folder, options.hours, steps)
    bench.problems += problems
    return latency


def _report(
    bench: Bench, latency: LatencyResult | None, options: argparse.Namespace
) -> CandleBench:
    found = bench.contestants()
    loops = [found[name] for name in ("loop on JSON", "loop on Avro") if name in found]
    compared = dict(found)
    if loops:
        compared["loop"] = max(loops, key=lambda one: one.per_s)
    targets = throughput_targets(compared)
    targets += flatness_targets(bench.flatness) + latency_targets(latency)
    return CandleBench(
        targets=targets,
        seed=options.seed,
        trades=options.trades,
        warm_after=options.warm,
        topics={
            name: {
                "trades": topic.trades,
                "symbols": topic.symbols,
                "mib": topic.mib,
                "fill_s": topic.fill_s,
            }
            for name, topic in bench.topics.items()
        },
        contestants=list(found.values()),
        flatness=bench.flatness,
        stages_us=bench.stages_us,
        verdicts=dict(bench.verdicts),
        latency=latency,
        problems=bench.problems,
        machine=Machine.here(),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.candles", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the trades")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="all by default")
    parser.add_argument("--trades", type=int, default=20_000_000, help="that each program reads")
    parser.add_argument("--long-trades", type=int, default=50_000_000, help="of the longest run")
    parser.add_argument("--json-trades", type=int, default=9_000_000, help="of the JSON topic")
    parser.add_argument("--stage-trades", type=int, default=10_000_000, help="read per step")
    parser.add_argument("--warm", type=int, default=5_000_000, help="trades before measuring")
    parser.add_argument("--batch", type=int, default=0, help="trades of a micro-batch, for trials")
    parser.add_argument("--rounds", type=int, default=1, help="of the rates; their median counts")
    parser.add_argument("--hours", type=int, default=20, help="exchange hours of latency")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
