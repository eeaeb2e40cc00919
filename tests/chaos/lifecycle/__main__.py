"""``python -m tests.chaos.lifecycle [--minutes M]``: exit code 0 if green, 1 if not."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from rich.console import Console

from conf.demo import DemoSettings
from conf.settings import DEFAULT_SYMBOLS
from local.errors import LocalError
from nexthour.demo import Demo, run_environment, start
from nexthour.progress import Steps
from nexthour.reports import Machine, write_report
from nexthour.system import System
from tests.chaos.lifecycle.report import LifecycleReport, print_report
from tests.chaos.lifecycle.run import Story, Watcher, by_training, counts, trainings_s
from tests.support.ending import end_cleanly_on_sigterm
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/chaos-lifecycle.json")
LOGS = Path("var/reports/chaos-lifecycle-logs")
MAX_CANDLE_P95_S = 2.0
"""The latency target of the candles, which a training at low priority must not break."""


def main() -> int:
    """Run it, print the table, write the report."""
    options = _options()
    end_cleanly_on_sigterm()
    forget_own_settings()
    console = Console(highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="nexthour-lifecycle-"))
    settings, steps = DemoSettings(hour_seconds=options.hour_seconds), Steps(console)
    environment = run_environment(settings, DEFAULT_SYMBOLS, folder)
    # It begins when a day's last hour has closed and lasts some 20 s: an hour here, and over long before the
    # next one closes on the real exchange.
    environment["NEXTHOUR_ANALYSIS_IS_ENABLED"] = "false"
    system = System(folder / "demo", environment, steps, fresh=True)
    demo: Demo | None = None
    try:
        demo = start(system, settings, None, time.monotonic())
        watcher = Watcher(demo, options.minutes * 60, console.print)
        problems, story = [], Story()
        try:
            story = watcher.follow()
        except (TimeoutError, LocalError) as error:
            problems.append(str(error))
            story.events = watcher.events()
        report = _report(demo, watcher, story, problems)
    finally:
        if demo:
            demo.probe.stop()
        with suppress(KeyboardInterrupt):
            system.stop()
        shutil.rmtree(LOGS, ignore_errors=True)
        shutil.copytree(folder / "demo" / "logs", LOGS, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    write_report(report, REPORT)
    print_report(report, console)
    return 0 if report.is_green else 1


def _report(demo: Demo, watcher: Watcher, story: Story, problems: list[str]) -> LifecycleReport:
    with closing(watcher.connect()) as connection:
        connection.autocommit = True
        found, trainings = counts(connection), trainings_s(connection)
    candle, candle_training = by_training(demo, "candle", trainings)
    forecast, forecast_training = by_training(demo, "forecast", trainings)
    kinds = [event.kind for event in story.events]
    problems += [f"no event {kind!r}" for kind in ("trained", "shadow") if kind not in kinds]
    if not trainings or candle_training is None:
        problems.append("no hour closed while a training ran")
    elif candle_training.p95_s > MAX_CANDLE_P95_S:
        problems.append(f"candles took {candle_training.p95_s:.2f} s (p95) while training")
    if len(found["forecasts"]) < 3:
        problems.append(f"only {list(found['forecasts'])} served: a swap did not happen")
    if found["unscored"]:
        problems.append(f"{found['unscored']} forecasts of final hours have no score")
    return LifecycleReport(
        is_green=not problems,
        speed=demo.settings.speed,
        minutes=round(story.minutes, 1),
        hours_closed=len(demo.probe.closed_hours(demo.symbols)),
        events=story.events,
        candle_latency=candle,
        candle_latency_training=candle_training,
        forecast_latency=forecast,
        forecast_latency_training=forecast_training,
        problems=problems,
        machine=Machine.here(),
        **found,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.lifecycle", description=__doc__)
    parser.add_argument("--minutes", type=float, default=180, help="at most, of the live series")
    parser.add_argument("--hour-seconds", type=float, default=20.0, help="wall seconds of an hour")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
