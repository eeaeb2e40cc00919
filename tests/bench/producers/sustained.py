"""How many trades a second one producer commits, and whether its memory stays flat."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.producers.report import Sustained
from tests.bench.producers.world import World, cpu_s, resident_mib
from tests.support.eventually import eventually

SAMPLE_S = 2.0
WARM_TRADES = 1_000_000
"""Buffers and pools have their size by then; `trades` are counted from there."""


@dataclass(frozen=True)
class _Sample:
    at_s: float
    sent: int
    committed: int
    cpu_s: dict[str, float]
    producer_mib: float


def measure_sustained(world: World, trades: int, say: Callable[[str], None]) -> Sustained:
    """Run until so many trades are committed after the warm-up, and return the rates of those."""
    eventually(world.producer.is_healthy, 90, message="the producer is connected")
    world.exchange.post("/clock/start")
    warm_trades = min(WARM_TRADES, trades // 5)
    samples = [_sample(world)]
    while samples[-1].committed < warm_trades + trades:
        time.sleep(SAMPLE_S)
        samples.append(_sample(world))
        now, rate = samples[-1], _rate(samples[-2], samples[-1])
        say(f"{now.committed:>9,} committed, {rate:,.0f}/s, {now.producer_mib:.0f} MiB")
    warm = [sample for sample in samples if sample.committed >= warm_trades]
    first, last = warm[0], warm[-1]
    seconds = last.at_s - first.at_s
    part = max(len(warm) // 10, 1)
    early = sum(s.producer_mib for s in warm[:part]) / part
    late = sum(s.producer_mib for s in warm[-part:]) / part
    rates = sorted(_rate(a, b) for a, b in itertools.pairwise(warm))
    return Sustained(
        trades=last.committed - first.committed,
        seconds=round(seconds, 1),
        committed_per_s=round(_rate(first, last)),
        fastest_2s_per_s=round(rates[-1]),
        sent_per_s=round((last.sent - first.sent) / seconds),
        cores={
            name: round((last.cpu_s[name] - first.cpu_s[name]) / seconds, 2) for name in last.cpu_s
        },
        commits=int(world.producer.metric("transactions")),
        mean_commit_ms=round(
            world.producer.metric("commit_ms") / world.producer.metric("transactions"), 1
        ),
        slowest_commit_ms=int(world.producer.metric("slowest_commit_ms")),
        memory_early_mib=round(early),
        memory_late_mib=round(late),
        memory_growth=round(late / early - 1, 4),
    )


def _sample(world: World) -> _Sample:
    status = world.exchange.get("/status")
    assert isinstance(status, dict)
    committed = int(world.producer.metric("records_committed"))
    cpu = {part: cpu_s(pid) for part, pid in world.pids.items()}
    memory = resident_mib(world.pids["producer"])
    return _Sample(time.monotonic(), int(status["trades_sent"]), committed, cpu, memory)


def _rate(before: _Sample, after: _Sample) -> float:
    return (after.committed - before.committed) / (after.at_s - before.at_s)
