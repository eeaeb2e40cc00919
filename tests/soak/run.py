"""The whole way from the exchange to the stores under a steady load, sampled."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS
from local.ports import HOST, PortClaims
from local.stack import LocalStack
from nexthour.prepare import prepare
from streaming.reconcile.readers import from_parquet, from_postgres, from_topic
from tests.chaos.candles.afterwards import judge_stores
from tests.chaos.candles.stores import Book, Table
from tests.soak.measure import Sample, flatness
from tests.soak.report import Figure
from tests.soak.sampler import Sampler
from tests.support.bundle import Bundle, bundle_of
from tests.support.eventually import eventually
from tests.support.exchange import ExchangeServer, start_exchange
from tests.support.kept import Kept

SPEED = 180.0
"""An exchange hour in 20 s."""
TRADES_PER_S = 2_000
MEMORY_DRIFT, BATCH_DRIFT = 0.05, 0.2
# Candles are one file each. Flat are the files of an hour of an archive that is compacted.
FILES_DRIFT = {"trades": 0.1, "markers": 0.1}
FILES_BOUND = {"checkpoints": 1_000}
"""Spark keeps a query's last 20 batches and clears away older states once a minute, so that between two
clean-ups the files rise with the batches, and the quicker those are, the higher. Two partitions' states, an
offset and a commit each, 220 batches (half of them take 0.3 s or less) and the archive query's 20: some
960. A file left behind by every batch would be more within ten minutes."""
START_S, CATCH_UP_S, TELL_S = 180.0, 120.0, 60.0
MODULES = {
    "producer": "producers",
    "candles": "nexthour.launchers.candles",
    "archive": "nexthour.launchers.archive",
}

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a soak has found."""

    trades_per_s: float = 0.0
    hours_closed: int = 0
    equal: dict[str, int] = field(default_factory=dict)
    memory: list[Figure] = field(default_factory=list)
    batch: list[Figure] = field(default_factory=list)
    files: list[Figure] = field(default_factory=list)
    ends: dict[str, list[int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def soak(stack: LocalStack, folder: Path, seed: int, seconds: float, say: Say) -> Outcome:
    """Run everything for so many seconds, then compare the candles with the book.

    Args:
        stack: running stores.
        folder: for logs.
        seed: of the trades.
        seconds: how long trades flow and samples are taken.
        say: told once a minute how it goes.
    """
    outcome = Outcome()
    namespace = Namespace("soak")
    settings = bundle_of(
        stack.environment(), namespace, folder / "var", symbols=DEFAULT_SYMBOLS, speed=SPEED
    )
    prepare(settings.run, settings.kafka, settings.postgres)
    ports = PortClaims()
    with ExitStack() as parts:
        parts.callback(ports.release)
        exchange = _exchange(ports, folder / "logs", seed)
        parts.callback(exchange.process.stop)
        metrics = {name: ports.claim(0, "metrics") for name in ("candles", "archive")}
        kept = _processes(settings, exchange, folder / "logs", metrics)
        for one in kept.values():
            parts.callback(one.stop)
            one.start()
        for name in metrics:
            _await_queries(kept[name])
        eventually(lambda: _status(exchange)["connections_open"], START_S)
        exchange.post("/clock/start")
        sampler = Sampler(
            settings,
            lambda: {**stack.pids(), **{name: one.pid for name, one in kept.items()}},
            [f"http://{HOST}:{port}/metrics" for port in metrics.values()],
        )
        begun_s = time.monotonic()
        _pass_time(seconds, sampler, say)
        sampled_s = sampler.close()
        outcome.trades_per_s = _status(exchange)["trades_sent"] / (time.monotonic() - begun_s)
        _judge(outcome, sampler, sampled_s)
        _compare(outcome, settings, exchange, kept)
    if outcome.trades_per_s < 0.9 * TRADES_PER_S:
        outcome.problems.append(f"{outcome.trades_per_s:,.0f} trades/s, {TRADES_PER_S:,} wanted")
    return outcome


def _exchange(ports: PortClaims, log_dir: Path, seed: int) -> ExchangeServer:
    standin = {
        "SYMBOLS": ",".join(DEFAULT_SYMBOLS),
        "SPEED": SPEED,
        "HOLD": "true",
        "HISTORY_HOURS": 24,
        "SEED": seed,
        "TRADES_PER_HOUR": round(TRADES_PER_S * 3_600 / SPEED),
        "WEIGHT_LIMIT": 1_000_000,
    }
    named = {f"NEXTHOUR_STANDIN_{name}": str(value) for name, value in standin.items()}
    return start_exchange(named, ports, log_dir)


def _processes(
    settings: Bundle, exchange: ExchangeServer, log_dir: Path, metrics: dict[str, int]
) -> dict[str, Kept]:
    shared = {**settings.environment, **exchange.environment}
    del shared["NEXTHOUR_SPARK_QUICK_JIT"]  # as it is for users: these queries live for long
    own = {name: {"NEXTHOUR_SUPERVISION_METRICS_PORT": str(port)} for name, port in metrics.items()}
    return {
        name: Kept(name, [sys.executable, "-m", module], {**shared, **own.get(name, {})}, log_dir)
        for name, module in MODULES.items()
    }


def _await_queries(application: Kept) -> None:
    eventually(lambda: "queries are running" in application.log_text(), START_S, message="queries")


def _status(exchange: ExchangeServer) -> dict[str, int]:
    status = exchange.get("/status")
    assert isinstance(status, dict)
    return status


def _pass_time(seconds: float, sampler: Sampler, say: Say) -> None:
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        time.sleep(min(TELL_S, left_s))
        now = {name: round(some[-1][1]) for name, some in sampler.memory.items() if some}
        say(f"{(seconds - end_s + time.monotonic()) / 60:5.1f} min  MiB {now}")


def _judge(outcome: Outcome, sampler: Sampler, seconds: float) -> None:
    def figures(
        some: dict[str, list[Sample]],
        unit: str,
        allowed: dict[str, float],
        bound: Mapping[str, float] = MappingProxyType({}),
    ) -> list[Figure]:
        found = []
        for name, samples in sorted(some.items()):
            # A folder that came late, in a run much shorter than half an hour, has no middle.
            is_covered = samples[0][0] < 2 * seconds / 3 and len(samples) > 3
            if is_covered and (name in allowed or name in bound):
                flat = flatness(samples, seconds)
                limits = {"allowed": allowed.get(name), "bound": bound.get(name)}
                found.append(Figure.of(name, unit, flat, **limits))
        return found

    outcome.memory = figures(sampler.memory, "MiB", dict.fromkeys(sampler.memory, MEMORY_DRIFT))
    outcome.batch = figures(sampler.batch, "s", dict.fromkeys(sampler.batch, BATCH_DRIFT))
    outcome.files = figures(sampler.files, "files", FILES_DRIFT, FILES_BOUND)
    if set(MODULES) - sampler.memory.keys() or not sampler.batch or not outcome.files:
        outcome.problems.append("not everything was sampled")


def _compare(
    outcome: Outcome, settings: Bundle, exchange: ExchangeServer, kept: dict[str, Kept]
) -> None:
    """Stop what writes and compare all closed hours."""
    status = _status(exchange)
    book, table = Book(exchange, status["live_start_ms"]), Table(settings)
    wanted = book.recent()
    eventually(lambda: wanted <= (table.final() or set()), CATCH_UP_S, message="caught up")
    outcome.ends = {name: [end.code for end in one.ends] for name, one in kept.items()}
    outcome.problems += [f"{name} ended: {codes}" for name, codes in outcome.ends.items() if codes]
    for name in ("candles", "archive", "producer"):
        kept[name].stop()
    verdict = judge_stores(
        book.figures(),
        {
            "postgres": list(from_postgres(settings.postgres, settings.namespace)),
            "parquet": list(from_parquet(settings.hdfs, settings.namespace)),
            "topic": list(from_topic(settings.kafka, settings.namespace)),
        },
        set(),
        max(open_ms for _, open_ms in wanted),
    )
    outcome.hours_closed = verdict.comparison.expected
    outcome.equal = verdict.comparison.equal
    outcome.problems += verdict.problems
