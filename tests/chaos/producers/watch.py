"""Looks for the signs by which faults show: counters, incidents, dead letters, exit codes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from conf.contracts.incidents import Incident, decode_incident
from conf.names import Namespace
from tests.chaos.producers.fleet import Fleet, Samples
from tests.chaos.producers.kinds import KINDS, Sign, Where
from tests.chaos.producers.plan import Fault

Key = tuple[Sign, str | None]
# So long after a message that is refused its dead letter can be read.
NO_TRACE_S = 1.0


class Log:
    """Incidents and dead letters so far; filled from another thread."""

    def __init__(self, namespace: Namespace) -> None:
        self.incidents: list[Incident] = []
        self.dead_reasons: Counter[str] = Counter()
        self._namespace = namespace
        self._lock = threading.Lock()
        self._by_kind: Counter[tuple[str, str | None]] = Counter()

    def take(self, topic: str, value: bytes) -> None:
        """Take a message of the topic of incidents or of dead letters."""
        with self._lock:
            if topic == self._namespace.incidents_topic:
                incident = decode_incident(value)
                self.incidents.append(incident)
                self._by_kind[incident.kind.value, incident.symbol] += 1
            else:
                self.dead_reasons[str(orjson.loads(value)["reason"]).split(":")[0]] += 1

    def incidents_of(self, kind: str, symbol: str | None) -> int:
        """Return how many incidents of a kind there were, of one symbol unless None."""
        with self._lock:
            return sum(
                count
                for (name, of), count in self._by_kind.items()
                if name == kind and symbol in (None, of)
            )

    def totals(self) -> dict[str, int]:
        """Return the incidents by kind."""
        with self._lock:
            kinds = Counter(incident.kind.value for incident in self.incidents)
        return dict(sorted(kinds.items()))


@dataclass(frozen=True)
class Baseline:
    """What was counted before a wave.

    Attributes:
        member: number of the process whose counters these are.
        counts: by sign and symbol.
        dead_letters: refused messages of all reasons.
        injected: faults that the exchange has counted, by its own names.
    """

    member: int
    counts: dict[Key, float]
    dead_letters: int
    injected: Mapping[str, int]


class Watch:
    """Tells which faults of a wave have shown since a baseline."""

    def __init__(self, fleet: Fleet, log: Log, injected: Callable[[], Mapping[str, int]]) -> None:
        """Args: the producers, their messages, and what the exchange has counted so far."""
        self._fleet = fleet
        self._log = log
        self._injected = injected
        self._happened_s: dict[tuple[int, str], float] = {}

    def baseline(self, faults: tuple[Fault, ...]) -> Baseline:
        """Return what the faults' signs count now."""
        member = self._fleet.running()
        samples = member.read()
        keys = {key for fault in faults for key in keys_of(fault)}
        self._happened_s.clear()
        return Baseline(
            member.number,
            {key: self._count(key, samples) for key in keys},
            self._log.dead_reasons.total(),
            self._injected(),
        )

    def seen(
        self,
        faults: tuple[Fault, ...],
        struck: Sequence[int],
        before: Baseline,
        *,
        is_last: bool = False,
    ) -> list[Sign | None]:
        """Return for each fault the sign that has shown it since, or None.

        Args:
            faults: the wave's.
            struck: how often each must show.
            before: what was counted before.
            is_last: whether weak signs count, too.
        """
        member = self._fleet.running()
        samples = member.read()
        ranks: Counter[tuple[str, str | None]] = Counter()
        found: list[Sign | None] = []
        for fault, times in zip(faults, struck, strict=True):
            ranks[fault.kind, fault.symbol] += times
            rank = ranks[fault.kind, fault.symbol]
            shown = None
            for sign, symbol in keys_of(fault):
                if sign.where is Where.NO_TRACE:
                    is_shown = self._left_no_trace(faults, fault, rank, before)
                else:
                    # Another process counts from zero.
                    is_new = sign.where is Where.COUNTER and member.number != before.member
                    start = 0.0 if is_new else before.counts[sign, symbol]
                    grown = self._count((sign, symbol), samples) - start
                    is_shown = grown >= rank * sign.least and (is_last or not sign.is_weak)
                if is_shown:
                    shown = sign
                    break
            found.append(shown)
        return found

    def _left_no_trace(
        self, faults: tuple[Fault, ...], fault: Fault, rank: int, before: Baseline
    ) -> bool:
        """Tell whether a fault happened a moment ago and no message was refused for it."""
        now_s = time.monotonic()
        happened = self._injected().get(fault.kind, 0) - before.injected.get(fault.kind, 0)
        if happened < rank:
            return False
        since_s = self._happened_s.setdefault((rank, fault.kind), now_s)
        refused = self._log.dead_reasons.total() - before.dead_letters
        expected = sum(
            any(sign.where is Where.DEAD_LETTER for sign in KINDS[other.kind].signs)
            for other in faults
        )
        return now_s - since_s >= NO_TRACE_S and refused <= expected

    def _count(self, key: Key, samples: Samples) -> float:
        sign, symbol = key
        if sign.where is Where.COUNTER:
            return counter_of(samples, sign, symbol)
        if sign.where is Where.INCIDENT:
            return self._log.incidents_of(sign.name, symbol)
        if sign.where is Where.DEAD_LETTER:
            return self._log.dead_reasons[sign.name]
        if sign.where is Where.EXIT:
            return self._fleet.exits[int(sign.name)]
        return 0


def keys_of(fault: Fault) -> list[Key]:
    """Return the signs to look for now; those in the topic `trades` are counted at the end."""
    return [
        (sign, fault.symbol if sign.per_symbol else None)
        for sign in KINDS[fault.kind].signs
        if sign.where is not Where.RECORD
    ]


def counter_of(samples: Samples, sign: Sign, symbol: str | None) -> float:
    """Return the sum of a counter's samples that fit. Pure."""
    wanted = {("symbol", symbol)} if symbol is not None else set()
    if sign.label:
        name, value = sign.label.split("=", 1)
        wanted.add((name, value))
    return sum(
        value
        for (name, labels), value in samples.items()
        if name == sign.name and wanted <= set(labels)
    )
