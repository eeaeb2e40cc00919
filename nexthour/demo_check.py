"""`nexthour demo --check`: stops the demo after some hours and proves what it made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from conf.connections.postgres import fetch
from conf.names import HOUR_MS, utc_time
from nexthour.bring_up import TRAINING_STEP
from nexthour.check import check_candles, check_forecasts
from nexthour.demo import Demo, sent_closes, wait_closed_hours
from nexthour.latency import Latency, latencies, summarise
from nexthour.reports import (
    CandleCheck,
    DashboardCheck,
    DemoReport,
    ForecastCheck,
    Machine,
    MemoryFigure,
)
from streaming.context import PipelineContext

PROBE_TIMEOUT_S = 120


def check(demo: Demo) -> DemoReport:
    """Wait for the hours, look at the dashboard, stop what writes, compare the stores.

    Raises:
        LocalError: if the hours do not come in time or a part ends by itself.
    """
    system = demo.system
    hours = wait_closed_hours(demo)
    with system.steps.step("look at the dashboard"):
        dashboard = check_dashboard(demo, hours)
    sent = sent_closes(system)
    with system.steps.step("stop producer and queries"):
        system.stop_one("producer")
        system.stop_one("spark")
        demo.probe.stop()
    with (
        system.settings_environment(),
        system.steps.step("compare the stores with the exchange's book"),
    ):
        context = PipelineContext.from_environment()
        model = serving_model(context)
        candles = check_candles(context, demo.live_start_ms, max(hours))
        forecasts = check_forecasts(context, hours, model[0])
    return _report(demo, hours, dashboard, candles, forecasts, sent, model)


def _report(
    demo: Demo,
    hours: list[int],
    dashboard: DashboardCheck,
    candles: CandleCheck,
    forecasts: ForecastCheck,
    sent: Mapping[tuple[str, int], float],
    model: tuple[str | None, str | None],
) -> DemoReport:
    system = demo.system
    memory = system.memory.peaks()
    problems = [*candles.differences, *forecasts.problems, *dashboard.problems]
    expected = [*range(demo.live_start_ms, max(hours) + 1, HOUR_MS)]
    if list(hours) != expected:
        forecasts.problems.append("not every closed hour since the start has all forecasts")
        problems += forecasts.problems[-1:]

    def latency(kind: str) -> Latency | None:
        return summarise(latencies(sent, demo.probe.seen[kind]).values())

    return DemoReport(
        is_green=not problems and model[0] is not None,
        namespace=system.environment["NEXTHOUR_NAMESPACE"],
        source=system.environment["NEXTHOUR_SOURCE_LABEL"],
        closed_hours=len(hours),
        model_version=model[0],
        model_status=model[1],
        candles=candles,
        forecasts=forecasts,
        dashboard=dashboard,
        startup_s=system.steps.seconds,
        training_s=system.steps.seconds[TRAINING_STEP],
        first_final_candle_s=demo.first_final_candle_s,
        candle_latency=latency("candle"),
        forecast_latency=latency("forecast"),
        memory_mib=MemoryFigure(
            per_process={name: round(mib, 1) for name, mib in memory.per_process.items()},
            whole_stack_peak=round(memory.whole, 1),
        ),
        machine=Machine.here(),
    )


def serving_model(context: PipelineContext) -> tuple[str | None, str | None]:
    """Return version and status of the model that the registry's table names as serving."""
    rows = fetch(
        context.postgres,
        context.namespace,
        "SELECT version, status FROM model_version "
        "WHERE status IN ('bootstrap', 'champion') ORDER BY created_at DESC LIMIT 1",
    )
    return rows[0][:2] if rows else (None, None)


def check_dashboard(demo: Demo, hours: list[int]) -> DashboardCheck:
    """Look as a viewer would: every symbol's live close and median must be there, and the source.

    Args:
        demo: the running demo.
        hours: the live hours that are closed; an older close would be history.
    """
    picture = Path(demo.system.environment["NEXTHOUR_VAR_DIR"]) / "demo" / "dashboard.png"
    finished = subprocess.run(
        [sys.executable, "-m", "nexthour.look", demo.dashboard_url, str(picture)],
        env={**os.environ, **demo.system.environment},
        capture_output=True,
        timeout=PROBE_TIMEOUT_S,
        check=False,
    )
    if finished.returncode != 0:
        last = finished.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return DashboardCheck(
            answered=False,
            symbols_with_candle=[],
            symbols_with_forecast=[],
            problems=[f"the dashboard could not be looked at: {' '.join(last)}"],
        )
    return judge_dashboard(
        orjson.loads(finished.stdout),
        demo.symbols,
        f"{utc_time(max(hours)):%Y-%m-%dT%H:%MZ}",
        demo.system.environment["NEXTHOUR_SOURCE_LABEL"],
    )


def judge_dashboard(
    seen: Mapping[str, Any], symbols: Sequence[str], newest_hour: str, source: str
) -> DashboardCheck:
    """Turn what was seen into a check. Pure.

    Args:
        seen: fields of `streamlit_app.probe.ProbeResult`.
        symbols: who must be shown.
        newest_hour: the closed hour that must be shown at least, ``YYYY-MM-DDTHH:MMZ``.
        source: the label that must be on the page.
    """
    shown = {
        "candle": [s for s in symbols if seen["close_hours"].get(s, "") >= newest_hour],
        "forecast": [s for s in symbols if seen["median_hours"].get(s, "") > newest_hour],
    }
    problems = [
        f"the dashboard shows no {what} of {symbol} for {newest_hour} or later"
        for what, found in shown.items()
        for symbol in symbols
        if symbol not in found
    ]
    if not seen["is_healthy"]:
        problems.append("the dashboard does not answer its health check")
    if source not in (seen["source"] or ""):
        problems.append("the dashboard does not say where its prices come from")
    problems += [f"the dashboard shows an error: {error}" for error in seen["errors"]]
    return DashboardCheck(
        answered=seen["is_healthy"],
        symbols_with_candle=shown["candle"],
        symbols_with_forecast=shown["forecast"],
        problems=problems,
    )
