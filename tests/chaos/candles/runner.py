"""Runs a plan step by step, then compares all stores with the book."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from nexthour.reports import Machine
from streaming.reconcile.compare import Key
from streaming.reconcile.readers import from_parquet, from_postgres, from_topic
from tests.chaos.candles.afterwards import Verdict, judge_stores
from tests.chaos.candles.late import close_times, late_problems
from tests.chaos.candles.leftovers import candle_files
from tests.chaos.candles.plan import KILLS, Kill, Step
from tests.chaos.candles.report import ChaosReport, PointResult, StepResult, Stores
from tests.chaos.candles.steps import LATE_MS, Doer, Traces
from tests.chaos.candles.world import SPEED, World
from tests.chaos.producers.listener import Listener
from tests.chaos.producers.watch import Log
from tests.support.eventually import eventually
from tests.support.kept import End

ABORT = "NEXTHOUR_CANDLE_ABORT_AT"
# Longest life of a process that is to kill itself: a start and two batches with closed hours.
ABORT_S = 180.0
CATCH_UP_S = 150.0
FIRST_S = 180.0
POLL_S = 0.1
STOP_S = 20.0
# The last trades of an hour are held back by all of it; the hour is closed when they have come.
LATE_SHARE = 0.5
AFTER_COMMIT = ("after_commit", "checkpointing")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Death:
    """A process that killed itself, and how many closed hours Postgres lacked right after."""

    end: End
    open_hours: int


class Run:
    """One run. Use `execute` once.

    Args:
        world: the parts.
        plan: the steps.
        say: told about each step, one line.
    """

    def __init__(self, world: World, plan: list[Step], say: Say) -> None:
        self._world = world
        self._plan = plan
        self._say = say
        self._traces = Traces()
        self.problems = self._traces.problems
        self._doer = Doer(world, self._traces)
        self._log = Log(world.settings.namespace)
        self._deaths: list[Death] = []
        self._steps: list[StepResult] = []
        self._random_kills = 0
        self._late: list[str] = []
        self._explained: set[int] = set()
        self._lock = threading.Lock()

    def execute(self, seed: int, until_s: float) -> ChaosReport:
        """Do everything, let the candles catch up, compare.

        Args:
            seed: for the report.
            until_s: monotonic time at which no further step starts.
        """
        started_s = time.monotonic()
        world, namespace = self._world, self._world.settings.namespace
        world.candles.on_end = self._note_end
        world.producer.start()
        world.candles.start()
        topics = [namespace.incidents_topic, namespace.dead_topic]
        last: Key | None = None
        stop_s = 0.0
        with Listener(world.settings.kafka, topics, self._log.take):
            try:
                self._begin()
                self._all_steps(started_s, until_s)
                last, stop_s = self._come_to_rest()
            except Exception as error:  # what is in the stores is worth comparing all the same
                self.problems.append(_line(error))
                world.candles.disarm()
                world.candles.stop()
                world.producer.stop()
        verdict, stores = self._compare(last)
        self.problems += verdict.problems
        told, problems = late_problems(
            close_times(world.settings), self._traces.late, LATE_SHARE * LATE_MS / SPEED / 1000
        )
        self.problems += problems
        self._late = told
        return self._report(seed, time.monotonic() - started_s, stop_s, stores)

    def _begin(self) -> None:
        """Let the exchange's time run once everything listens, and wait for the first hours."""
        world = self._world
        eventually(
            lambda: "queries are running" in world.candles.log_text(), FIRST_S, message="queries"
        )
        eventually(self._is_heard, FIRST_S, message="the producer's streams")
        world.exchange.post("/clock/start")
        eventually(world.table.final, FIRST_S, message="a first final candle")
        self._say(f"{'':8}first final candles are there")

    def _is_heard(self) -> bool:
        status = self._world.exchange.get("/status")
        assert isinstance(status, dict)
        return bool(status["connections_open"])

    def _all_steps(self, started_s: float, until_s: float) -> None:
        for number, step in enumerate(self._plan, 1):
            if time.monotonic() > until_s:
                left = len(self._plan) - number + 1
                self.problems.append(f"{left} steps were not done: the time was over")
                return
            time.sleep(step.after_s)
            self._make_noise(step)
            before_s = time.monotonic()
            try:
                told = self._kill_series(step) if step.kind == KILLS else self._outage(step)
            except Exception as error:
                told = "FAILED"
                self.problems.append(f"step {number} ({step.kind}): {_line(error)}")
            now_s = time.monotonic()
            self._say(
                f"{now_s - started_s:5.0f} s  {number:3d}/{len(self._plan)}  {step.kind} "
                f"({now_s - before_s:.0f} s) → {told}"
            )

    def _make_noise(self, step: Step) -> None:
        for noise in step.noise:
            body: dict[str, object] = {
                "kind": noise.kind,
                "symbol": noise.symbol,
                "count": noise.count,
            }
            if noise.kind == "delay":
                body["ms"] = 200
            self._world.exchange.post("/faults", body)

    def _outage(self, step: Step) -> str:
        begun_s = time.monotonic()
        ends = len(self._world.candles.ends)
        detail = self._doer.do(step)
        served_s = time.monotonic()
        self._catch_up()
        caught_s = time.monotonic()
        after = self._world.candles.ends[ends:]
        self._explained |= {end.number for end in after}
        result = StepResult(
            kind=step.kind,
            away_s=round(served_s - begun_s, 2),
            recovered_s=round(caught_s - served_s, 2),
            ends=[end.code for end in after],
            detail=detail,
        )
        self._steps.append(result)
        return f"{detail}; caught up after {result.recovered_s:.1f} s, ends {result.ends}"

    def _kill_series(self, step: Step) -> str:
        """Kill the running process at any time, the next ones at their points, one after the other."""
        candles = self._world.candles
        candles.arm(*({ABORT: kill.setting} for kill in step.kills))
        first = candles.number
        self._explained.add(first)
        self._random_kills += 1
        candles.kill()
        told = [self._await_kill(kill, first + 1 + rank) for rank, kill in enumerate(step.kills)]
        begun_s = time.monotonic()
        self._catch_up()
        return f"{', '.join(told)}; caught up after {time.monotonic() - begun_s:.1f} s"

    def _await_kill(self, kill: Kill, number: int) -> str:
        candles = self._world.candles
        give_up_s = time.monotonic() + ABORT_S
        while candles.number <= number:
            if time.monotonic() > give_up_s:
                self.problems.append(f"{kill.setting} was not passed in {ABORT_S:.0f} s")
                self._explained.add(number)
                candles.kill()
                give_up_s += ABORT_S
            time.sleep(POLL_S)
        end = candles.ends[number - 1]
        if end.code == -signal.SIGKILL:
            self._explained.add(number)
        return f"{kill.setting} {end.lived_s:.0f} s"

    def _catch_up(self) -> None:
        """Wait until Postgres has every hour that the book has closed by now."""
        wanted = self._world.book.recent()
        since_ms = min(open_ms for _, open_ms in wanted)
        eventually(
            lambda: wanted <= (self._world.table.final(since_ms) or set()),
            CATCH_UP_S,
            message="the candles have caught up",
            poll_s=POLL_S,
        )

    def _note_end(self, end: End) -> None:
        """Look what a killed process has left undone; called when the next one is starting."""
        if ABORT not in end.extra or end.code != -signal.SIGKILL:
            return
        try:
            wanted = self._world.book.recent()
        except httpx.HTTPError:
            wanted = set()
        since_ms = min((open_ms for _, open_ms in wanted), default=0)
        lacking = wanted - (self._world.table.final(since_ms) or set())
        with self._lock:
            self._deaths.append(Death(end, len(lacking)))

    def _come_to_rest(self) -> tuple[Key, float]:
        """Stop the producer after a full hour, let the candles catch up, stop them."""
        world = self._world
        newest = max(world.book.recent(), key=lambda key: key[1])
        eventually(
            lambda: newest[1] < max(open_ms for _, open_ms in world.book.recent()),
            CATCH_UP_S,
            message="one more hour",
        )
        self._catch_up()
        last = max(world.book.recent(), key=lambda key: key[1])
        self._catch_up()
        asked_s = time.monotonic()
        end = world.candles.stop()
        stop_s = time.monotonic() - asked_s
        if end is None or end.code != 0:
            self.problems.append(f"the candles did not stop well: {end}")
        if stop_s > STOP_S:
            self.problems.append(f"the candles took {stop_s:.1f} s to stop")
        world.producer.stop()
        return last, stop_s

    def _compare(self, last: Key | None) -> tuple[Verdict, Stores]:
        world, settings = self._world, self._world.settings
        stores = {
            "postgres": list(from_postgres(settings.postgres, settings.namespace)),
            "parquet": list(from_parquet(settings.hdfs, settings.namespace)),
            "topic": list(from_topic(settings.kafka, settings.namespace)),
        }
        until_ms = last[1] if last else 2**52
        verdict = judge_stores(world.book.figures(), stores, self._traces.spoilt, until_ms)
        files, leftovers = candle_files(settings)
        if leftovers:
            self._say(f"hidden files among the candles: {leftovers[:3]}")
        return verdict, Stores(
            expected=verdict.comparison.expected,
            equal=verdict.comparison.equal,
            missing={name: verdict.missing(name) for name in stores},
            doubled=verdict.doubled,
            disputed=verdict.disputed,
            topic_messages=len(stores["topic"]),
            parquet_files=files,
            leftovers=leftovers,
        )

    def _points(self) -> list[PointResult]:
        points: dict[str, PointResult] = {}
        wanted = Counter(kill.point for step in self._plan for kill in step.kills)
        with self._lock:
            deaths = list(self._deaths)
        for point, count in wanted.items():
            mine = [one for one in deaths if one.end.extra[ABORT].split(":")[0] == point]
            points[point] = PointResult(
                point=point,
                kills=len(mine),
                with_open_hours=sum(one.open_hours > 0 for one in mine),
                slowest_s=round(max((one.end.lived_s for one in mine), default=0.0), 1),
            )
            if len(mine) < count:
                self.problems.append(f"{point}: {len(mine)} kills of {count}")
            if mine and point not in AFTER_COMMIT and not points[point].with_open_hours:
                self.problems.append(f"{point}: no kill with a closed hour still open")
        return list(points.values())

    def _report(self, seed: int, seconds: float, stop_s: float, stores: Stores) -> ChaosReport:
        world = self._world
        points = self._points()
        if self._traces.filtered_seen != self._traces.filtered_written:
            self.problems.append(
                f"filtered {dict(self._traces.filtered_seen)}, "
                f"written {dict(self._traces.filtered_written)}"
            )
        self.problems += [
            f"the application {end.number} ended with {end.code}: {end.last_line}"
            for end in world.candles.ends[:-1]
            if end.number not in self._explained
        ]
        self.problems += [
            f"the producer {end.number} ended with {end.code}: {end.last_line}"
            for end in world.producer.ends[:-1]
        ]
        faults = world.exchange.get("/faults")
        assert isinstance(faults, dict)
        return ChaosReport(
            is_green=not self.problems,
            seed=seed,
            speed=SPEED,
            seconds=round(seconds, 1),
            points=points,
            random_kills=self._random_kills,
            steps=self._steps,
            injected=faults["injected"],
            stores=stores,
            filtered_written=dict(self._traces.filtered_written),
            filtered_seen=dict(self._traces.filtered_seen),
            second_app=self._traces.second_app,
            late_symbols=self._late,
            incidents=self._log.totals(),
            dead_letters=dict(sorted(self._log.dead_reasons.items())),
            ends=dict(Counter(str(end.code) for end in world.candles.ends)),
            stop_s=round(stop_s, 2),
            problems=self.problems,
            machine=Machine.here(),
        )


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
