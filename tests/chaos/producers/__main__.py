"""``python -m tests.chaos.producers [--seed N] [--minutes M]``: exit code 0 if green, 1 if not."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from nexthour.reports import write_report
from tests.chaos.kinds import add_options, chosen
from tests.chaos.producers.kinds import KINDS
from tests.chaos.producers.plan import FULL_MINUTES, make_plan
from tests.chaos.producers.report import print_report
from tests.chaos.producers.runner import Run
from tests.chaos.producers.world import SYMBOLS, open_world

REPORT = Path("var/reports/chaos-producers.json")
LOGS = Path("var/reports/chaos-producers-logs")
# Of the ten minutes that the whole command may take, this is left for the comparison.
LIMIT_S, REST_S = 600.0, 90.0
LEAST_FAULTS, LEAST_KINDS = 200, 12


def main() -> int:
    """Run it, print the tables, write the report."""
    options = _options()
    console = Console()
    only = chosen(options, KINDS)
    plan = make_plan(options.seed, SYMBOLS, options.minutes, only)
    faults = sum(len(wave.faults) for wave in plan)
    kinds = {fault.kind for wave in plan for fault in wave.faults}
    console.print(f"{faults} faults of {len(kinds)} kinds in {len(plan)} waves")
    started_s = time.monotonic()
    with open_world(options.seed, LOGS) as world:
        run = Run(world, plan, lambda line: console.print(line, highlight=False, soft_wrap=True))
        if only is None and (faults < LEAST_FAULTS or len(kinds) < LEAST_KINDS):
            run.problems.append(
                f"{faults} faults of {len(kinds)} kinds; a proof needs {LEAST_FAULTS} of {LEAST_KINDS}"
            )
        report = run.execute(options.seed, started_s + LIMIT_S - REST_S)
    write_report(report, REPORT)
    print_report(report, console)
    if report.is_green:
        shutil.rmtree(LOGS)
    console.print(f"{REPORT}{'' if report.is_green else f', logs in {LOGS}'}")
    return 0 if report.is_green else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.producers", description=__doc__)
    add_options(parser, KINDS)
    parser.add_argument(
        "--minutes",
        type=float,
        default=FULL_MINUTES,
        help="less has fewer faults, for a first look",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
