"""``python -m tests.chaos.realdata``: exit code 0 if green, 1 if not, 2 without the recorded data."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from conf.local_stack import LocalStackSettings
from local.stack import LocalStack
from nexthour.reports import Machine, write_report
from tests.chaos.realdata.passes import HOURLY, WINDOWS, Window, run_pass
from tests.chaos.realdata.report import PassResult, RealDataReport, print_report
from tests.support.bundle import ROOT
from tests.support.ending import end_cleanly_on_sigterm
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/realdata-candles.json")
LOGS = Path("var/reports/realdata-candles-logs")


def main() -> int:
    """Run all windows, print the table, write the report."""
    options = _options()
    end_cleanly_on_sigterm()
    console = Console()
    if not HOURLY.is_dir():
        sys.stderr.write(f"{HOURLY} is not there: recorded hours are needed\n")
        return 2
    forget_own_settings()
    windows = [_cut(one, options.hours) for one in WINDOWS if one.name in options.windows]
    begun_s = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="nexthour-real-"))
    settings = LocalStackSettings(
        run_dir=folder / "stack", jars_dir=ROOT / ".deps" / "jars", durable=False
    )
    passes: list[PassResult] = []
    problems: list[str] = []
    stack = LocalStack(settings, fresh=True)
    try:
        with stack:
            for window in windows:
                try:
                    passes.append(run_pass(stack, folder, window, console.print))
                except Exception as error:  # the other windows are worth trying all the same
                    problems.append(f"{window.name}: {type(error).__name__}: {error}")
        stack.forget()
        problems += [f"{one.name}: {line}" for one in passes for line in one.problems]
        if problems:
            shutil.rmtree(LOGS, ignore_errors=True)
            shutil.copytree(folder / "logs", LOGS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report = RealDataReport(
        is_green=not problems,
        passes=passes,
        seconds=round(time.monotonic() - begun_s, 1),
        problems=problems,
        machine=Machine.here(),
    )
    write_report(report, REPORT)
    print_report(report, console)
    console.print(f"{REPORT}{'' if report.is_green else f', logs in {LOGS}'}")
    return 0 if report.is_green else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.realdata", description=__doc__)
    names = [window.name for window in WINDOWS]
    parser.add_argument("--windows", nargs="+", choices=names, default=names, help="which windows")
    parser.add_argument("--hours", type=int, help="at most so many of each; such a run is no proof")
    return parser.parse_args()


def _cut(window: Window, hours: int | None) -> Window:
    return window if hours is None else replace(window, hours=min(hours, window.hours))


if __name__ == "__main__":
    sys.exit(main())
