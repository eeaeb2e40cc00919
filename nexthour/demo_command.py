"""What `nexthour demo` does from start to end, with the system stopped whatever happens."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from conf.demo import DemoSettings
from conf.settings import DEFAULT_SYMBOLS, RunSettings
from nexthour.demo import Demo, history_symbols, run_environment, start, watch
from nexthour.demo_check import check as run_check
from nexthour.doctor import require_healthy
from nexthour.progress import Steps
from nexthour.reports import DemoReport, write_report
from nexthour.system import System


def run_demo(*, check: bool, history: Path | None, started: float) -> bool:
    """Run the demo; return whether it ended well.

    Args:
        check: stop after some closed hours, compare and write `var/demo/report.json`.
        history: folder of recorded hourly candles, or None.
        started: `time.monotonic()` at the start of the command.

    Raises:
        LocalError: one line; everything that was started is stopped.
    """
    settings = DemoSettings()
    var_dir = RunSettings().var_dir.resolve()
    require_healthy(var_dir)
    symbols = history_symbols(history) if history else DEFAULT_SYMBOLS
    steps = Steps()
    steps.say(
        f"[bold]nexthour demo[/bold]  synthetic × {settings.speed:g}"
        f"{', past from ' + str(history) if history else ''}: "
        f"one exchange hour = {settings.hour_seconds:g} s\n"
    )
    system = System(
        var_dir / "demo", run_environment(settings, symbols, var_dir), steps, fresh=True
    )
    demo: Demo | None = None
    try:
        demo = start(system, settings, history, started)
        if check:
            report = run_check(demo)
            path = var_dir / "demo" / "report.json"
            write_report(report, path)
            show(report, path, steps)
            return report.is_green
        watch(demo)
    except KeyboardInterrupt:
        steps.say("\n stopping …")
    finally:
        if demo:
            demo.probe.stop()
        with suppress(KeyboardInterrupt), steps.step("stop everything"):
            system.stop()
    return True


def show(report: DemoReport, path: Path, steps: Steps) -> None:
    """Print a check's result on a page."""
    candles, forecasts = report.candles, report.forecasts
    equal = min(candles.equal.values(), default=0)
    steps.say(
        f"\n hours {report.closed_hours} · candles {equal}/{candles.expected} equal in "
        f"{', '.join(candles.per_store)} · forecasts {forecasts.by_registry_model}/"
        f"{forecasts.expected} by {report.model_version} ({report.model_status})"
    )
    for name, latency in (
        ("candle", report.candle_latency),
        ("forecast", report.forecast_latency),
    ):
        if latency:
            steps.say(
                f" hour closed → {name} readable: p50 {latency.p50_s:.2f} s, "
                f"p95 {latency.p95_s:.2f} s, max {latency.max_s:.2f} s ({latency.count})"
            )
    steps.say(
        f" first live final candle after {report.first_final_candle_s} s · training "
        f"{report.training_s:.0f} s · peak memory {report.memory_mib.whole_stack_peak:.0f} MiB"
    )
    problems = [*candles.differences, *forecasts.problems, *report.dashboard.problems]
    for line in problems[:20]:
        steps.say(f" [red]✗[/red] {line}")
    if len(problems) > 20:
        steps.say(f" … and {len(problems) - 20} more in the report")
    colour = "green" if report.is_green else "red"
    steps.say(f" [{colour}]{'green' if report.is_green else 'RED'}[/{colour}]  report: {path}")
