"""``python -m tests.chaos.candles [--seed N]``: exit code 0 if green, 1 if not."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from conf.settings import CANDLE_ABORT_POINTS
from nexthour.reports import write_report
from tests.chaos.candles.plan import KILLS, KINDS, REPEATS, make_plan
from tests.chaos.candles.report import print_report
from tests.chaos.candles.runner import Run
from tests.chaos.candles.world import APART, CLEAN, open_world
from tests.chaos.kinds import add_options, chosen
from tests.support.ending import end_cleanly_on_sigterm

REPORT = Path("var/reports/chaos-candles.json")
LOGS = Path("var/reports/chaos-candles-logs")
LIMIT_S = 2_700.0


def main() -> int:
    """Run it, print the tables, write the report."""
    options = _options()
    end_cleanly_on_sigterm()
    console = Console()
    only = chosen(options, KINDS)
    plan = make_plan(options.seed, CLEAN, APART, options.repeats, only)[: options.first]
    kills = sum(len(step.kills) for step in plan)
    outages = sum(step.kind != KILLS for step in plan)
    console.print(f"{kills} kills at {len(CANDLE_ABORT_POINTS)} points, {outages} other steps")
    started_s = time.monotonic()
    with open_world(options.seed, LOGS) as world:
        run = Run(world, plan, lambda line: console.print(line, highlight=False, soft_wrap=True))
        report = run.execute(options.seed, started_s + LIMIT_S)
    write_report(report, REPORT)
    print_report(report, console)
    if report.is_green:
        shutil.rmtree(LOGS)
    console.print(f"{REPORT}{'' if report.is_green else f', logs in {LOGS}'}")
    return 0 if report.is_green else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.candles", description=__doc__)
    add_options(parser, KINDS)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="kills at each point")
    parser.add_argument("--first", type=int, help="only so many steps; such a run is no proof")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
