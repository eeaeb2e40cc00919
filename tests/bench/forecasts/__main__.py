"""``python -m tests.bench.forecasts [--hours N]``: exit code 0 if every target is met, 1 if not.

The handler of the forecast query on the real stores, hour after hour without Spark, which only wakes it:
the exchange's clock is set, final candles are stored, and the handler is called.
"""

from __future__ import annotations

import argparse
import io
import logging
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, closing, redirect_stdout
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import track

from conf.connections.postgres import migrate
from conf.local_stack import LocalStackSettings
from conf.logs import configure_logging
from conf.names import HOUR_MS, Namespace
from local.stack import LocalStack
from nexthour.reports import write_report
from streaming.forecasts.query import build_handler, build_watcher
from tests.bench.forecasts.report import build_report, print_report
from tests.support.bundle import ROOT, bundle_of
from tests.support.ending import end_cleanly_on_sigterm
from tests.support.forecast_world import (
    LIVE,
    SYMBOLS,
    ForecastWorld,
    SettableClock,
    build_untrained_model,
    world_context,
)
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/bench-forecasts.json")
CREATED = "2026-01-01T00:00:00+00:00"

_COUNTS = """
SELECT (SELECT count(*) FROM forecast_run WHERE kind = 'live'),
       (SELECT count(*) FROM forecast WHERE kind = 'live' AND refusal_reason IS NULL),
       (SELECT count(*) FROM forecast_score WHERE kind = 'live')
"""


def main() -> int:
    """Pass the hours, print the table, write the report."""
    options = _options()
    end_cleanly_on_sigterm()
    forget_own_settings()
    configure_logging(logging.WARNING)
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="nexthour-bench-forecasts-"))
    try:
        with ExitStack() as started:
            world = _world(started, folder, options.hours)
            seconds, memory_mib = _pass_hours(world, options.hours, console)
            problems = _problems(world, options.hours)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report = build_report(seconds, memory_mib, len(SYMBOLS), problems)
    write_report(report, REPORT)
    print_report(report, console)
    return 0 if report.is_green else 1


def _world(started: ExitStack, folder: Path, hours: int) -> ForecastWorld:
    settings = LocalStackSettings(
        run_dir=folder / "stack", jars_dir=ROOT / ".deps" / "jars", durable=False
    )
    stack = LocalStack(settings, fresh=True)
    started.callback(stack.forget)  # as root its data may lie elsewhere
    started.enter_context(stack)
    namespace = Namespace("bench-forecasts")
    bundle = bundle_of(stack.environment(), namespace, folder / "var")
    migrate(bundle.postgres, namespace)
    clock = started.enter_context(SettableClock(LIVE))
    models = folder / "models"
    models.mkdir()
    context = world_context(bundle, clock, folder)
    world = started.enter_context(
        closing(ForecastWorld(context, clock, build_untrained_model(models), folder))
    )
    world.publish_model(CREATED, expires_ms=LIVE + (hours + 1) * HOUR_MS)
    return world


def _pass_hours(
    world: ForecastWorld, hours: int, console: Console
) -> tuple[list[float], list[float]]:
    """Return wall seconds of the handler and resident MiB after it, hour by hour."""
    watcher = build_watcher(world.context)
    watcher.check()
    process, seconds, memory_mib = psutil.Process(), [], []
    with closing(build_handler(world.context, watcher)) as handler:
        for n in track(range(hours), "hours", console=console):
            world.pass_hour(n)
            begun = time.monotonic()
            with redirect_stdout(io.StringIO()):  # Petastorm's reader prints that it is done
                handler(None, n)  # it never looks at the frame
            seconds.append(time.monotonic() - begun)
            memory_mib.append(process.memory_info().rss / 2**20)
    return seconds, memory_mib


def _problems(world: ForecastWorld, hours: int) -> list[str]:
    """Tell what is missing: a forecast of every symbol and hour, and a score where the truth is known."""
    with world.sql.cursor() as cursor:
        cursor.execute(_COUNTS)
        ((runs, forecasts, scores),) = cursor.fetchall()
    wanted = {
        "hours": (runs, hours),
        "forecasts": (forecasts, hours * len(SYMBOLS)),
        "scores": (scores, (hours - 1) * len(SYMBOLS)),
    }
    return [
        f"{found} {name} instead of {should}"
        for name, (found, should) in wanted.items()
        if found != should
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.forecasts", description=__doc__)
    parser.add_argument("--hours", type=int, default=1_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
