"""`nexthour demo`: the whole way on the stand-in exchange, in accelerated time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyarrow.parquet as pq
from pydantic import SecretStr

from conf.api import ApiSettings
from conf.demo import DemoSettings
from conf.names import HOUR_MS, Namespace, utc_time
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from local.errors import LocalError
from nexthour.bring_up import addresses_text, bring_up
from nexthour.latency import ReadableProbe, latencies, summarise
from nexthour.system import System

NAMESPACE = "demo"
LIVE_PARTS = ("exchange", "spark", "producer", "dashboard", "lifecycle")
OPTIONAL_PARTS = {"api"}
WATCH_S = 1.0


@dataclass
class Demo:
    """A running demo: what its checks and its live view need.

    Attributes:
        dashboard_url: the address that a person opens.
        live_start_ms: first hour of the live series.
        first_final_candle_s: seconds from the command to the first live final candle readable.
    """

    system: System
    settings: DemoSettings
    symbols: tuple[str, ...]
    probe: ReadableProbe
    dashboard_url: str
    live_start_ms: int
    first_final_candle_s: float | None = None
    shown_hours: set[int] = field(default_factory=set)

    def require_running(self) -> None:
        """Demand that every part that was started still runs.

        Raises:
            LocalError: with the last telling line of the one that ended.
        """
        self.system.require_running((*LIVE_PARTS, *OPTIONAL_PARTS & self.system.addresses.keys()))


def history_symbols(folder: Path) -> tuple[str, ...]:
    """Return the symbols of a folder of ``SYMBOL-1h.parquet`` files, the known ones in usual order.

    Raises:
        LocalError: if the folder holds no such file.
    """
    found = {path.name.removesuffix("-1h.parquet") for path in folder.glob("*-1h.parquet")}
    if not found:
        message = (
            f"{folder} holds no SYMBOL-1h.parquet file: give a folder of the documented layout"
        )
        raise LocalError(message)
    for path in folder.glob("*-1h.parquet"):
        missing = {"open_time", "open", "high", "low", "close", "volume"} - set(
            pq.read_schema(path).names
        )
        if missing:
            message = f"{path} lacks the columns {', '.join(sorted(missing))}"
            raise LocalError(message)
    known = [symbol for symbol in (*DEFAULT_SYMBOLS, "MATICUSDT") if symbol in found]
    return (*known, *sorted(found - set(known)))


def run_environment(
    settings: DemoSettings, symbols: tuple[str, ...], var_dir: Path
) -> dict[str, str]:
    """Return the NEXTHOUR_ variables that all parts of the demo share."""
    return {
        "NEXTHOUR_NAMESPACE": NAMESPACE,
        "NEXTHOUR_VENUE": "standin",
        "NEXTHOUR_SOURCE_LABEL": f"synthetic × {settings.speed:g}",
        "NEXTHOUR_SYMBOLS": ",".join(symbols),
        "NEXTHOUR_SPEED": f"{settings.speed:g}",
        "NEXTHOUR_VAR_DIR": str(var_dir),
        "NEXTHOUR_HISTORY_DAYS": str(settings.history_days),
        "NEXTHOUR_MODEL_EPOCHS": str(settings.epochs),
        "NEXTHOUR_ARCHIVE_TRIGGER_MINUTES": f"{settings.archive_minutes:g}",
    }


def start(system: System, settings: DemoSettings, history: Path | None, started: float) -> Demo:
    """Start everything up to live trades; the clock of the exchange starts last.

    Args:
        system: a system not yet started.
        settings: pace and length.
        history: folder of recorded hourly candles as the exchange's past, or None.
        started: `time.monotonic()` at the start of the command.

    Raises:
        LocalError: one line, if any part fails; the caller stops the system.
    """
    symbols = tuple(system.environment["NEXTHOUR_SYMBOLS"].split(","))
    standin = {
        "NEXTHOUR_STANDIN_HOLD": "true",
        "NEXTHOUR_STANDIN_HISTORY_HOURS": str((settings.history_days + 1) * 24),
    }
    if history:
        standin["NEXTHOUR_STANDIN_HISTORY_DIR"] = str(history.resolve())
    bring_up(
        system,
        history_days=settings.history_days,
        start_exchange=lambda: system.start_exchange(standin),
        start_clock=system.start_clock,
        with_api=ApiSettings().with_stack,
    )
    live_start_ms = int(str(system.exchange_status()["live_start_ms"]))
    probe = ReadableProbe(
        PostgresSettings(url=SecretStr(system.environment["NEXTHOUR_POSTGRES_URL"])),
        Namespace(NAMESPACE),
        live_start_ms,
    )
    probe.start()
    demo = Demo(system, settings, symbols, probe, system.addresses["dashboard"], live_start_ms)
    system.steps.say(addresses_text(system.addresses))
    _wait_first_candle(demo, started)
    return demo


def _wait_first_candle(demo: Demo, started: float) -> None:
    deadline = time.monotonic() + demo.settings.hour_seconds + 60
    while not demo.probe.seen["candle"]:
        demo.require_running()
        if time.monotonic() > deadline:
            message = f"no final candle came; see {demo.system.run_dir / 'logs'}"
            raise LocalError(message)
        time.sleep(0.1)
    demo.first_final_candle_s = round(time.monotonic() - started, 1)
    demo.system.steps.done("first live final candle", demo.first_final_candle_s)


def show_new_hours(demo: Demo) -> None:
    """Print a line for each hour of which all candles and forecasts have become readable.

    Raises:
        LocalError: if a part ended by itself.
    """
    demo.require_running()
    for hour in demo.probe.closed_hours(demo.symbols):
        if hour in demo.shown_hours:
            continue
        demo.shown_hours.add(hour)
        sent = sent_closes(demo.system)
        candle, forecast = (
            summarise(
                seconds
                for key, seconds in latencies(sent, demo.probe.seen[kind]).items()
                if key[1] == hour
            )
            for kind in ("candle", "forecast")
        )
        if candle and forecast:
            demo.system.steps.say(
                f"   hour {utc_time(hour):%Y-%m-%d %H:%M} closed: {candle.count} candles after "
                f"{candle.max_s:.1f} s, {forecast.count} forecasts for "
                f"{utc_time(hour + HOUR_MS):%H:%M} after {forecast.max_s:.1f} s"
            )


def sent_closes(system: System) -> dict[tuple[str, int], float]:
    """Return the wall time (ms) at which the exchange sent each closed kline."""
    url = system.environment["NEXTHOUR_EXCHANGE_CONTROL_URL"]
    rows = httpx.get(f"{url}/oracle/closes", timeout=10).json()
    return {(row["symbol"], int(row["open_time_ms"])): float(row["sent_wall_ms"]) for row in rows}


def watch(demo: Demo) -> None:
    """Show hour after hour until interrupted."""
    while True:
        show_new_hours(demo)
        time.sleep(WATCH_S)


def wait_closed_hours(demo: Demo) -> list[int]:
    """Wait for the check's number of closed hours and return them.

    Raises:
        LocalError: if they do not come in time or a part ends by itself.
    """
    deadline = time.monotonic() + demo.settings.check_timeout_s
    while True:
        show_new_hours(demo)
        hours = demo.probe.closed_hours(demo.symbols)
        if len(hours) >= demo.settings.check_hours:
            return hours
        if time.monotonic() > deadline:
            message = (
                f"only {len(hours)} of {demo.settings.check_hours} hours were complete in "
                f"{demo.settings.check_timeout_s:.0f} s; see {demo.system.run_dir / 'logs'}"
            )
            raise LocalError(message)
        time.sleep(0.2)
