"""One window of recorded hours through exchange, producer, Kafka and Spark, and what came out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from conf.names import HOUR_MS, Namespace, epoch_ms
from conf.settings import DEFAULT_SYMBOLS
from local.ports import PortClaims
from local.stack import LocalStack
from nexthour.prepare import prepare
from streaming.reconcile.readers import from_parquet, from_postgres, from_topic
from tests.chaos.candles.stores import Table
from tests.chaos.realdata.report import PassResult
from tests.support.bundle import bundle_of
from tests.support.eventually import eventually
from tests.support.exchange import start_exchange
from tests.support.kept import Kept
from tests.support.real_hours import compare_with_record, real_hours, units_of, write_window

HOURLY = Path(__file__).parents[4] / "shared" / "data" / "hourly"
# As they were called when the hours were recorded.
SYMBOLS = tuple("MATICUSDT" if one == "POLUSDT" else one for one in DEFAULT_SYMBOLS)
START_S = 180.0
TELL_S, LAST_S = 30.0, 30.0
SHOWN = 12

Say = Callable[[str], None]


@dataclass(frozen=True)
class Window:
    """Hours to trade.

    Attributes:
        name: of the pass, part of its namespace.
        start: first hour, UTC.
        hours: how many, recorded or not.
        most_trades: larger counts are not traded one by one; None trades every one.
        speed: exchange seconds per wall second.
    """

    name: str
    start: datetime
    hours: int
    most_trades: int | None
    speed: float


WINDOWS = (
    # Quote volumes of eight symbols; the exchange halted for four hours on 13 August.
    Window("long", datetime(2021, 8, 10, tzinfo=UTC), 1_010, 1_500, 7_200),
    # A flat hour without a trade and a halt right after it.
    Window("halt", datetime(2021, 2, 10, 18, tzinfo=UTC), 24, 1_500, 7_200),
    # Every single trade of five symbols.
    Window("whole", datetime(2020, 8, 22, 2, tzinfo=UTC), 3, None, 60),
)


def run_pass(stack: LocalStack, folder: Path, window: Window, say: Say) -> PassResult:
    """Trade a window and compare all stores with the record.

    Args:
        stack: running stores; the pass has a namespace of its own.
        folder: for the window's rows and the logs.
        window: which hours.
        say: told how far it is.

    Raises:
        AssertionError: if the hours do not come in time.
    """
    begun_s = time.monotonic()
    namespace = Namespace(f"real-{window.name}")
    settings = bundle_of(
        stack.environment(), namespace, folder / "var", symbols=SYMBOLS, speed=window.speed
    )
    prepare(settings.run, settings.kafka, settings.postgres)
    rows, log_dir = folder / f"hourly-{window.name}", folder / "logs" / window.name
    write_window(HOURLY, rows, SYMBOLS, window.start, window.hours, window.most_trades)
    ports = PortClaims()
    with ExitStack() as parts:
        parts.callback(ports.release)
        standin = {
            "SYMBOLS": ",".join(SYMBOLS),
            "HISTORY_DIR": rows,
            "LIVE_FROM_HISTORY": "true",
            "START": window.start.isoformat(),
            "SPEED": window.speed,
            "HOLD": "true",
            "TRADES_PER_HOUR": 400,
            "WEIGHT_LIMIT": 1_000_000,
        }
        exchange = start_exchange(
            {f"NEXTHOUR_STANDIN_{name}": str(value) for name, value in standin.items()},
            ports,
            log_dir,
        )
        parts.callback(exchange.process.stop)
        environment = {**settings.environment, **exchange.environment}
        kept = {
            name: Kept(name, [sys.executable, "-m", module], environment, log_dir)
            for name, module in (
                ("producer", "producers"),
                ("candles", "nexthour.launchers.candles"),
            )
        }
        for one in kept.values():
            parts.callback(one.stop)
            one.start()
        information = httpx.get(f"{exchange.rest_url}/api/v3/exchangeInfo", timeout=30).json()
        record = real_hours(
            HOURLY, units_of(information), window.start, window.hours, window.most_trades
        )
        _await_listeners(kept["candles"], exchange.get)
        exchange.post("/clock/start")
        _await_hours(Table(settings), window, set(record), say)
        # The producer ends by itself, well, when the exchange has nothing more.
        ends = [end for one in kept.values() for end in one.ends if end.code]
        for one in kept.values():
            one.stop()
        status = exchange.get("/status")
        assert isinstance(status, dict)
    compared = compare_with_record(
        record,
        {
            "postgres": from_postgres(settings.postgres, namespace),
            "parquet": from_parquet(settings.hdfs, namespace),
            "topic": from_topic(settings.kafka, namespace),
        },
    )
    problems = compared.differences[:SHOWN]
    if len(compared.differences) > SHOWN:
        problems.append(f"… and {len(compared.differences) - SHOWN} more")
    problems += [f"a process ended with {end.code}: {end.last_line}" for end in ends]
    return PassResult(
        name=window.name,
        start=window.start,
        hours=window.hours,
        symbols=list(SYMBOLS),
        speed=window.speed,
        expected=compared.expected,
        equal=compared.equal,
        quote_volumes=compared.quote_volumes,
        counts=compared.counts,
        quiet=compared.quiet,
        absent=len(SYMBOLS) * window.hours - compared.expected,
        trades=int(status["trades_sent"]),
        seconds=round(time.monotonic() - begun_s, 1),
        problems=problems,
    )


def _await_listeners(candles: Kept, get: Callable[[str], object]) -> None:
    eventually(lambda: "queries are running" in candles.log_text(), START_S, message="queries")

    def is_heard() -> bool:
        status = get("/status")
        assert isinstance(status, dict)
        return bool(status["connections_open"])

    eventually(is_heard, START_S, message="the producer's streams")


def _await_hours(table: Table, window: Window, wanted: set[tuple[str, int]], say: Say) -> None:
    """Wait until Postgres has every hour of the record; twice the time that it should take."""
    last_ms = max(open_ms for _, open_ms in wanted)
    last = {key for key in wanted if key[1] == last_ms}
    give_up_s = time.monotonic() + START_S + 2 * window.hours * HOUR_MS / 1000 / window.speed
    told_s = time.monotonic()
    while not last <= (table.final(last_ms) or set()):
        if time.monotonic() > told_s + TELL_S:
            told_s += TELL_S
            newest = table.query("SELECT max(open_time) FROM candle WHERE status = 'final'")
            done = newest[0][0] if newest else None
            hours = (epoch_ms(done) - epoch_ms(window.start)) // HOUR_MS + 1 if done else 0
            say(f"{window.name}: {hours:,} of {window.hours:,} hours")
        assert time.monotonic() < give_up_s, f"{window.name}: the last hour did not come in time"
        time.sleep(0.5)
    # The last hour of one symbol may come before an earlier one of another; whatever lacks then is
    # for the comparison to tell.
    give_up_s = time.monotonic() + LAST_S
    while not wanted <= (table.final() or set()) and time.monotonic() < give_up_s:
        time.sleep(0.5)
