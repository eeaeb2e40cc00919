"""What a comparison found: counts per symbol and store, and one line for each hour that is not right. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum

MOST_LISTED = 10_000
"""More lines say no more; the tallies hold the counts."""


class State(StrEnum):
    """What is wrong with an hour in a store."""

    MISSING = "missing"
    DIFFERENT = "different"
    SURPLUS = "surplus"


@dataclass(frozen=True, slots=True)
class Finding:
    """One hour of one store that is not as it should be; `text` is one line for people."""

    symbol: str
    open_time_ms: int
    store: str
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """One hour that is equal to the exchange's although its verdict has a reservation."""

    symbol: str
    open_time_ms: int
    text: str


@dataclass(slots=True)
class Tally:
    """Hours of one symbol in one store; green if all that are expected are equal and no other is there."""

    expected: int = 0
    equal: int = 0
    missing: int = 0
    different: int = 0
    surplus: int = 0

    @property
    def is_green(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    @property
    def wrong(self) -> int:
        """How many hours are not as they should be."""
        return self.missing + self.different + self.surplus

    def add(self, other: Tally) -> None:
        """Add the counts of other hours."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)


@dataclass(slots=True)
class Outcome:
    """Result of a comparison; its size does not grow with that of the range beyond some limit.

    Attributes:
        tallies: by (symbol, store), in the order of the request.
        findings: the first `MOST_LISTED` of them, by hour and symbol.
        remarks: as many.
        differing: open times of all hours that are wrong in some store.
    """

    tallies: dict[tuple[str, str], Tally]
    findings: list[Finding] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    differing: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, symbols: Iterable[str], stores: Iterable[str]) -> Outcome:
        """Return the outcome of no hours."""
        stores = tuple(stores)
        return cls({(symbol, store): Tally() for symbol in symbols for store in stores})

    @property
    def is_green(self) -> bool:
        """Whether every store holds every expected hour, equal, and nothing else."""
        return not self.differing

    @property
    def wrong(self) -> int:
        """How many findings there are, listed or not."""
        return sum(tally.wrong for tally in self.tallies.values())

    def note(self, finding: Finding) -> None:
        """Take a finding and count it."""
        tally = self.tallies[finding.symbol, finding.store]
        setattr(tally, finding.state.value, getattr(tally, finding.state.value) + 1)
        self.differing.add(finding.open_time_ms)
        if len(self.findings) < MOST_LISTED:
            self.findings.append(finding)

    def add(self, part: Outcome) -> None:
        """Add the outcome of other hours."""
        for key, tally in part.tallies.items():
            self.tallies[key].add(tally)
        self.differing |= part.differing
        self.findings += part.findings[: MOST_LISTED - len(self.findings)]
        self.remarks += part.remarks[: MOST_LISTED - len(self.remarks)]

    def sort(self) -> None:
        """Bring findings and remarks in the order of hours; parts may come in any order."""
        self.findings.sort(key=lambda one: (one.open_time_ms, one.symbol, one.store))
        self.remarks.sort(key=lambda one: (one.open_time_ms, one.symbol))
