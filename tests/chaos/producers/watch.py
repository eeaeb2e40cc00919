"""Looks for the signs by which faults show: counters, incidents, dead letters, exit codes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from conf.contracts.incidents import Incident, decode_incident
from conf.names import Namespace
from tests.chaos.producers.fleet import Fleet, Samples
from tests.chaos.producers.kinds import KINDS, Sign, Where
from tests.chaos.producers.plan import Fault

Key = tuple[Sign, str | None]


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
    """

    member: int
    counts: dict[Key, float]


class Watch:
    """Tells which faults have shown since a baseline."""

    def __init__(self, fleet: Fleet, log: Log) -> None:
        self._fleet = fleet
        self._log = log

    def baseline(self, faults: tuple[Fault, ...]) -> Baseline:
        """Return what the faults' signs count now."""
        member = self._fleet.running()
        samples = member.read()
        keys = {key for fault in faults for key in keys_of(fault)}
        return Baseline(member.number, {key: self._count(key, samples) for key in keys})

    def seen(
        self, faults: tuple[Fault, ...], struck: Sequence[int], before: Baseline
    ) -> list[Sign | None]:
        """Return for each fault the sign that has shown it since, or None.

        Args:
            faults: the wave's.
            struck: how often each must show.
            before: what was counted before.
        """
        member = self._fleet.running()
        samples = member.read()
        ranks: Counter[tuple[str, str | None]] = Counter()
        found: list[Sign | None] = []
        for fault, times in zip(faults, struck, strict=True):
            ranks[fault.kind, fault.symbol] += times
            rank = ranks[fault.kind, fault.symbol]
            shown = None
            for key in keys_of(fault):
                # Another process counts from zero.
                is_reset = key[0].where is Where.COUNTER and member.number != before.member
                start = 0.0 if is_reset else before.counts[key]
                if self._count(key, samples) - start >= rank * key[0].least:
                    shown = key[0]
                    break
            found.append(shown)
        return found

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
