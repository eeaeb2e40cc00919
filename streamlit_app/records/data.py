"""How complete and how sure the candles are. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One symbol's closed hours of a window by verdict; `expected` hours lie in it since its first."""

    symbol: str
    expected: int
    complete: int
    quiet: int
    partial: int
    disputed: int
    history: int
    revised: int

    @property
    def holes(self) -> int:
        """Return how many hours have no candle."""
        there = self.complete + self.quiet + self.partial + self.disputed + self.history
        return max(0, self.expected - there)


@dataclass(frozen=True, slots=True)
class IncidentCount:
    """How often something happened to a symbol (None: to a whole producer) in a window.

    `ids` counts the trade ids concerned, `longest_ms` is the longest length that is known.
    """

    kind: str
    symbol: str | None
    count: int
    ids: int
    longest_ms: int | None
    last_at: datetime


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A candle that changed after it was first final, beside what it was before."""

    symbol: str
    open_time: datetime
    revision: int
    verdict: str | None
    reason: str | None
    source: str
    updated_at: datetime
    close: Decimal | None
    volume: Decimal | None
    trades: int | None
    old_verdict: str | None
    old_close: Decimal | None
    old_volume: Decimal | None
    old_trades: int | None


@dataclass(frozen=True, slots=True)
class RepairRow:
    """An hour that was asked to be rebuilt; `requested_at` and `done_at` are wall time."""

    symbol: str
    open_time: datetime
    reason: str
    requests: int
    state: str
    revision: int | None
    detail: str | None
    requested_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReconcileRun:
    """One comparison of the stores; `until_time` is exclusive."""

    id: int
    started_at: datetime
    finished_at: datetime
    from_time: datetime
    until_time: datetime
    is_green: bool
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """What a comparison found of one symbol in one store, in hours."""

    symbol: str
    store: str
    expected: int
    equal: int
    missing: int
    different: int
    surplus: int


@dataclass(frozen=True, slots=True)
class ReconcileDifference:
    """An hour in which a store differs."""

    symbol: str
    open_time: datetime
    store: str
    difference: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """What was loaded of a symbol's past from one source."""

    symbol: str
    source: str
    rows: int
    rejected: int
    loaded_at: datetime
