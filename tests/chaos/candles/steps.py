"""Does one step to the running parts."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conf.names import HOUR_MS, hour_open_ms
from local.process import ManagedProcess
from streaming.reconcile.compare import Key
from tests.chaos.candles.attack import Stranger, bad_messages, copies, hours_of
from tests.chaos.candles.filtered import filtered_so_far
from tests.chaos.candles.plan import Step
from tests.chaos.candles.world import CANDLES, CLEAN, SPEED, World
from tests.support.eventually import eventually
from tests.support.kept import ROOT

LATE_MS = 900_000
"""By how much exchange time one symbol is late."""
COPIES = 20
PATIENCE_S = 90.0
SECOND_APP_S = 90.0
SECOND_APP_RUNS_S = 20.0


@dataclass
class Traces:
    """What the steps leave for the end.

    Attributes:
        spoilt: hours that must be disputed.
        late: hours of symbols that were held back.
        filtered_written: records that may not enter a candle, by reason.
        filtered_seen: what the query counted of them.
        second_app: what a second application did, each time.
        problems: one line each.
    """

    spoilt: set[Key] = field(default_factory=set)
    late: list[Key] = field(default_factory=list)
    filtered_written: Counter[str] = field(default_factory=Counter)
    filtered_seen: Counter[str] = field(default_factory=Counter)
    second_app: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Doer:
    """Does steps that are no series of kills.

    Args:
        world: the parts.
        traces: where it notes what must show at the end.
    """

    def __init__(self, world: World, traces: Traces) -> None:
        self._world = world
        self._traces = traces
        self._kinds: dict[str, Callable[[Step], str]] = {
            "postgres_stop": lambda step: self._postgres(step, signal.SIGINT),
            "postgres_crash": lambda step: self._postgres(step, signal.SIGQUIT),
            "namenode_term": lambda step: self._namenode(step, signal.SIGTERM),
            "namenode_kill": lambda step: self._namenode(step, signal.SIGKILL),
            "broker_term": lambda step: self._broker(step, signal.SIGTERM),
            "broker_kill": lambda step: self._broker(step, signal.SIGKILL),
            "datanode_pause": self._datanode_pause,
            "late_symbol": self._late_symbol,
            "bad_records": self._bad_records,
            "second_writer": self._second_writer,
            "second_app": self._second_app,
        }

    def do(self, step: Step) -> str:
        """Do a step; returns when everything serves again, with what is worth telling."""
        return self._kinds[step.kind](step)

    def _postgres(self, step: Step, number: signal.Signals) -> str:
        self._world.postgres.end(number)
        time.sleep(step.seconds)
        self._world.postgres.start()
        return f"down {step.seconds:.0f} s"

    def _namenode(self, step: Step, number: signal.Signals) -> str:
        self._world.hdfs.namenode.end(number)
        time.sleep(step.seconds)
        self._world.hdfs.namenode.start()
        return number.name

    def _broker(self, step: Step, number: signal.Signals) -> str:
        self._world.broker.end(number)
        time.sleep(step.seconds)
        self._world.broker.start()
        return number.name

    def _datanode_pause(self, step: Step) -> str:
        self._world.hdfs.datanode.pause(step.seconds)
        return f"paused {step.seconds:.0f} s"

    def _late_symbol(self, step: Step) -> str:
        """Hold the trades of one symbol back over the end of an hour; the others go on."""
        world, wall_ms = self._world, int(LATE_MS / SPEED)
        rows = world.book.rows(world.book.now_ms() - 4 * HOUR_MS, step.symbol)
        # So many that the hour's last ones are among them, wherever in the hour it begins.
        count = 100 + 3 * max(row["trades"] for row in rows)
        # REST would fill the hole at once otherwise.
        world.exchange.post("/faults", {"kind": "rest_lag", "ms": 2 * LATE_MS})
        try:
            fault = {"kind": "delay", "symbol": step.symbol, "count": count, "ms": wall_ms}
            world.exchange.post("/faults", fault)
            # Only now: on a slow machine an hour is over while the book is asked.
            since_ms = hour_open_ms(world.book.now_ms())
            open_ms, written = eventually(
                lambda: self._late_hour(step.symbol, since_ms), PATIENCE_S, message="the late hour"
            )
        finally:
            world.exchange.post("/faults", {"kind": "rest_lag", "ms": 0})
        others = sorted(at for symbol, at in written.items() if symbol != step.symbol)
        # What the exchange spoilt a moment ago may hold one of the others back.
        late_s = (written[step.symbol] - others[len(others) // 2]).total_seconds()
        self._traces.late.append((step.symbol, open_ms))
        return f"{step.symbol}, its candle {late_s:+.1f} s after most others"

    def _late_hour(self, symbol: str, since_ms: int) -> tuple[int, dict[str, datetime]] | None:
        """Return the first hour in which a symbol has trades to hold back, once all have its candle."""
        rows = self._world.book.rows(since_ms, symbol)
        open_ms = next((row["open_time_ms"] for row in rows if row["trades"]), None)
        written = {} if open_ms is None else self._all_written(open_ms)
        return (open_ms, written) if written else None

    def _all_written(self, open_ms: int) -> dict[str, datetime]:
        keys = {symbol for symbol, at_ms in self._world.book.recent() if at_ms == open_ms}
        written = self._world.table.written_at(open_ms)
        return written if keys and keys <= written.keys() else {}

    def _bad_records(self, _step: Step) -> str:
        """Write what may not enter a candle, and see that the query counts each of it."""
        world = self._world
        messages, reasons = bad_messages(
            CLEAN, world.book.now_ms(), world.settings.kafka.trades_schema_id
        )
        first, before = world.candles.number, filtered_so_far(world.metrics_url)
        Stranger(world.settings).write(messages)

        def seen() -> Counter[str]:
            return filtered_so_far(world.metrics_url) - before

        eventually(lambda: seen() >= reasons, PATIENCE_S, message="filtered records are counted")
        if world.candles.number != first:
            self._traces.problems.append(
                "the application ended while filtered records were counted"
            )
        self._traces.filtered_written += reasons
        self._traces.filtered_seen += seen()
        return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))

    def _second_writer(self, step: Step) -> str:
        """Write trades of the running hour again."""
        world = self._world

        def recent() -> list[dict[str, Any]]:
            last = world.book.rows(symbol=step.symbol)[-1]["last_trade_id"]
            trades = world.exchange.get(
                "/oracle/trades", symbol=step.symbol, from_id=last + 1, limit=COPIES
            )
            assert isinstance(trades, list)
            return trades if last > 0 and len(trades) >= COPIES // 2 else []

        trades = eventually(recent, PATIENCE_S, message="trades of the running hour")
        records = copies(step.symbol, trades, world.book.now_ms())
        if step.is_reversed:
            records.reverse()
        stranger = Stranger(world.settings)
        self._traces.spoilt |= hours_of(records)
        stranger.write(stranger.encoded(records))
        order = "reversed" if step.is_reversed else "in order"
        return f"{len(records)} copies of {step.symbol}, {order}"

    def _second_app(self, _step: Step) -> str:
        """Start the application a second time, on the same checkpoint, and take it away again."""
        world = self._world
        first, ends = world.candles.number, len(world.candles.ends)
        # Without metrics: the first one holds the port.
        port = "NEXTHOUR_SUPERVISION_METRICS_PORT"
        environment = {
            name: value for name, value in world.candle_environment.items() if name != port
        }
        second = ManagedProcess(
            f"second-{len(self._traces.second_app) + 1}",
            CANDLES,
            log_dir=world.log_dir,
            env=environment,
            cwd=ROOT,
        )
        second.start()
        try:
            begun_s = time.monotonic()
            while second.is_running and time.monotonic() < begun_s + SECOND_APP_S:
                if "queries are running" in second.log_text():
                    break
                time.sleep(0.2)
            is_beside = second.is_running
            if is_beside:
                time.sleep(SECOND_APP_RUNS_S)
        finally:
            second.stop()
        code = second.returncode
        said = second.last_telling_line()[:120] if code else ""
        what = f"ran beside, ended with {code}" if is_beside else f"refused with {code}: {said}"
        if world.candles.number != first:
            codes = [end.code for end in world.candles.ends[ends:]]
            what += f"; the first ended with {codes} and was started again"
        self._traces.second_app.append(what)
        return what
