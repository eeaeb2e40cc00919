"""``python -m tests.soak [--minutes M]``: exit code 0 if green, 1 if not."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from conf.local_stack import LocalStackSettings
from local.stack import LocalStack
from nexthour.reports import Machine, write_report
from tests.soak.report import SoakReport, print_report
from tests.soak.run import SPEED, Outcome, soak
from tests.support.bundle import ROOT
from tests.support.ending import end_cleanly_on_sigterm
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/soak.json")
LOGS = Path("var/reports/soak-logs")
FULL_MINUTES = 45.0
"""Of which the first third is warm-up: the archive's JVM, with a batch per minute, grew for 15 to 20 minutes."""


def main() -> int:
    """Run it, print the table, write the report."""
    options = _options()
    end_cleanly_on_sigterm()
    console = Console()
    forget_own_settings()
    folder = Path(tempfile.mkdtemp(prefix="nexthour-soak-"))
    settings = LocalStackSettings(run_dir=folder / "stack", jars_dir=ROOT / ".deps" / "jars")
    stack = LocalStack(settings, fresh=True)
    begun_s = time.monotonic()
    try:
        with stack:
            outcome = soak(stack, folder, options.seed, options.minutes * 60, console.print)
        stack.forget()
        report = _report(outcome, options.seed, options.minutes)
        if not report.is_green:
            shutil.rmtree(LOGS, ignore_errors=True)
            shutil.copytree(folder / "logs", LOGS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write_report(report, REPORT)
    print_report(report, console)
    note = "" if report.is_green else f", logs in {LOGS}"
    console.print(f"{REPORT}{note}, {time.monotonic() - begun_s:.0f} s")
    return 0 if report.is_green else 1


def _report(outcome: Outcome, seed: int, minutes: float) -> SoakReport:
    problems = list(outcome.problems)
    figures = [*outcome.memory, *outcome.batch, *outcome.files]
    problems += [one.problem for one in figures if one.problem]
    return SoakReport(
        is_green=not problems,
        seed=seed,
        minutes=minutes,
        speed=SPEED,
        trades_per_s=round(outcome.trades_per_s, 1),
        hours_closed=outcome.hours_closed,
        equal=outcome.equal,
        memory=outcome.memory,
        batch=outcome.batch,
        files=outcome.files,
        ends=outcome.ends,
        problems=problems,
        machine=Machine.here(),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which trades")
    parser.add_argument(
        "--minutes", type=float, default=FULL_MINUTES, help="fewer than 30 are no proof"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
