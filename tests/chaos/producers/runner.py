"""Runs a plan wave by wave, then compares the topic with the book."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable

from nexthour.reports import Machine
from tests.chaos.producers.afterwards import (
    Tallies,
    Tally,
    judge_book,
    judge_missed_klines,
    kind_results,
)
from tests.chaos.producers.compare import compare_symbol
from tests.chaos.producers.inject import inject, undo
from tests.chaos.producers.kinds import KINDS, Sign, Where
from tests.chaos.producers.listener import Listener
from tests.chaos.producers.plan import Fault, Wave
from tests.chaos.producers.report import ChaosReport, Connections, SymbolResult
from tests.chaos.producers.watch import Baseline, Log, Watch
from tests.chaos.producers.world import (
    BUDGET,
    SPEED,
    SYMBOLS,
    WINDOW_S,
    World,
    book_faults,
    most_in_window,
)
from tests.support.eventually import eventually
from tests.support.producer_runs import read_trades

POLL_S = 0.1
CATCH_UP_S = 90.0
STOP_S = 10.0

Say = Callable[[str], None]


class Run:
    """One run. Use `execute` once.

    Args:
        world: the parts.
        plan: the waves.
        say: told about each wave, one line.
    """

    def __init__(self, world: World, plan: list[Wave], say: Say) -> None:
        self.problems: list[str] = []
        self._world = world
        self._plan = plan
        self._say = say
        self._log = Log(world.namespace)
        self._watch = Watch(world.fleet, self._log, self._counted)
        self._tallies: Tallies = defaultdict(Tally)
        self._took_s: dict[int, float] = {}  # of the running wave, by the fault's place
        self._missed: Counter[str] = Counter()  # closed klines, by symbol

    def execute(self, seed: int, until_s: float) -> ChaosReport:
        """Inject everything, let the feed catch up, compare.

        Args:
            seed: for the report.
            until_s: monotonic time at which no further wave starts.
        """
        started_s = time.monotonic()
        world = self._world
        world.fleet.start()
        world.fleet.keep_running()
        world.exchange.post("/clock/start")
        topics = [world.namespace.incidents_topic, world.namespace.dead_topic]
        stop_s = 0.0
        with Listener(world.kafka, topics, self._log.take):
            try:
                self._all_waves(started_s, until_s)
                stop_s = self._come_to_rest()
            except Exception as error:  # what is in the topic is worth comparing all the same
                self.problems.append(_line(error))
        symbols = self._compare()
        self.problems += judge_missed_klines(self._tallies, self._missed, symbols)
        book = book_faults()
        self.problems += judge_book(self._tallies, book, symbols, self._log.incidents_of)
        self.problems += world.fleet.surprises
        return self._report(seed, time.monotonic() - started_s, stop_s, symbols)

    def _all_waves(self, started_s: float, until_s: float) -> None:
        for number, wave in enumerate(self._plan, 1):
            if time.monotonic() > until_s:
                left = len(self._plan) - number + 1
                self.problems.append(f"{left} waves were not run: the time was over")
                return
            self._world.fleet.keep_running()
            self._one_wave(number, wave, started_s)

    def _one_wave(self, number: int, wave: Wave, started_s: float) -> None:
        time.sleep(wave.wait_s)
        before = self._watch.baseline(wave.faults)
        self._took_s.clear()
        struck: list[int] = []
        try:
            for fault in wave.faults:
                self._tallies[fault.kind].injected += 1
                struck.append(inject(self._world, fault))
            found = self._await_signs(wave.faults, struck, before)
        except Exception as error:
            found = [None] * len(wave.faults)
            self.problems.append(f"wave {number} ({_names(wave)}): {_line(error)}")
        finally:
            for fault in wave.faults:
                undo(self._world, fault)
        self._note(wave, found)
        texts = [
            f"{_name(fault)} → {sign or _later(fault)}"
            for fault, sign in zip(wave.faults, found, strict=True)
        ]
        passed = time.monotonic() - started_s
        self._say(f"{passed:5.0f} s  {number:3d}/{len(self._plan)}  {'; '.join(texts)}")

    def _await_signs(
        self, faults: tuple[Fault, ...], struck: list[int], before: Baseline
    ) -> list[Sign | None]:
        begun_s = time.monotonic()
        give_up_s = begun_s + max(KINDS[fault.kind].patience_s for fault in faults)
        while True:
            is_last = time.monotonic() > give_up_s
            found = self._watch.seen(faults, struck, before, is_last=is_last)
            pairs = list(zip(faults, found, strict=True))
            for index, (_, sign) in enumerate(pairs):
                if sign is not None:
                    self._took_s.setdefault(index, time.monotonic() - begun_s)
            if is_last or all(sign is not None or _is_late(fault) for fault, sign in pairs):
                return found
            time.sleep(POLL_S)

    def _counted(self) -> dict[str, int]:
        """Return what the exchange has injected so far, by its own names."""
        answer = self._world.exchange.get("/faults")
        assert isinstance(answer, dict)
        counted: dict[str, int] = answer["injected"]
        return counted

    def _note(self, wave: Wave, found: list[Sign | None]) -> None:
        for index, (fault, sign) in enumerate(zip(wave.faults, found, strict=True)):
            tally = self._tallies[fault.kind]
            if _is_late(fault):
                self._missed[fault.symbol or ""] += 1
            elif sign is not None:
                tally.seen[str(sign)] += 1
                tally.slowest_s = max(tally.slowest_s, self._took_s[index])
            else:
                self.problems.append(f"not seen: {_name(fault)}")

    def _come_to_rest(self) -> float:
        """Wait until a whole quiet hour is closed in the topic; stop; return how long that took."""
        world = self._world
        member = world.fleet.keep_running()
        newest = self._newest_close()
        eventually(lambda: self._newest_close() >= newest + 2, CATCH_UP_S, message="quiet hours")
        candles = {symbol: self._last_id(symbol) for symbol in SYMBOLS}

        def caught_up() -> bool:
            samples = member.read()
            return all(
                samples.get(("last_trade_id", (("symbol", symbol),)), 0) > last
                for symbol, last in candles.items()
            )

        eventually(caught_up, CATCH_UP_S, message="the feed has caught up")
        stop_s = world.fleet.stop()
        if stop_s > STOP_S:
            self.problems.append(f"the producer took {stop_s:.1f} s to stop")
        return stop_s

    def _candles(self, symbol: str) -> list[dict[str, int]]:
        rows = self._world.exchange.get(
            "/oracle/candles", symbol=symbol, start_ms=self._world.live_start_ms, end_ms=2**52
        )
        assert isinstance(rows, list)
        return rows

    def _newest_close(self) -> int:
        """Return how many hours of live trading the book has closed."""
        return len(self._candles(SYMBOLS[0]))

    def _last_id(self, symbol: str) -> int:
        """Return the last id of the book's closed hours."""
        return max((row["last_trade_id"] for row in self._candles(symbol)), default=-1)

    def _compare(self) -> list[SymbolResult]:
        world = self._world
        series = read_trades(world.kafka, world.namespace.trades_topic)
        results = [
            compare_symbol(world.exchange, symbol, series.get(symbol, []), world.live_start_ms)
            for symbol in SYMBOLS
        ]
        for result in results:
            self.problems += result.problems
        return results

    def _report(
        self, seed: int, seconds: float, stop_s: float, symbols: list[SymbolResult]
    ) -> ChaosReport:
        world = self._world
        status = world.exchange.get("/status")
        assert isinstance(status, dict)
        attempts = world.attempts.read()
        connections = Connections(
            attempts=attempts,
            refused=int(status["connections_refused"]),
            window_s=WINDOW_S,
            most_in_window=most_in_window(world.attempts.samples, WINDOW_S),
            budget=BUDGET,
        )
        if connections.most_in_window > BUDGET:
            self.problems.append(
                f"{connections.most_in_window} connection attempts in {WINDOW_S:.0f} s, "
                f"{BUDGET} are allowed"
            )
        kinds, doubts = kind_results(self._tallies, self._counted())
        self.problems += doubts
        return ChaosReport(
            is_green=not self.problems,
            seed=seed,
            speed=SPEED,
            seconds=round(seconds, 1),
            faults=sum(kind.injected for kind in kinds),
            kinds=kinds,
            symbols=symbols,
            connections=connections,
            producers_started=world.fleet.started,
            exit_codes={str(code): count for code, count in sorted(world.fleet.exits.items())},
            stop_s=round(stop_s, 2),
            counters=world.fleet.totals(),
            incidents=self._log.totals(),
            dead_letters=dict(sorted(self._log.dead_reasons.items())),
            problems=self.problems,
            machine=Machine.here(),
        )


def _is_late(fault: Fault) -> bool:
    """Tell whether only the records of the topic show a fault."""
    return all(sign.where is Where.RECORD for sign in KINDS[fault.kind].signs)


def _later(fault: Fault) -> str:
    return "in the topic" if _is_late(fault) else "NOT SEEN"


def _name(fault: Fault) -> str:
    values = " ".join(str(value) for _, value in fault.values)
    return " ".join(part for part in (fault.kind, fault.symbol, values) if part)


def _names(wave: Wave) -> str:
    return ", ".join(_name(fault) for fault in wave.faults)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
