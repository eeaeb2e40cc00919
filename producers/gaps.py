"""Which hours a hole in the ids may touch, hence which GAP records declare it. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from conf.contracts.trades import Close, Gap
from conf.names import HOUR_MS, hour_open_ms


@dataclass(frozen=True, slots=True)
class Hole:
    """Ids that will not come, and the hours between which they happened (open times, inclusive)."""

    first_id: int
    last_id: int
    from_hour_ms: int
    to_hour_ms: int


def gaps_by_hour(hole: Hole, witnesses: Iterable[Close], reason: str) -> list[tuple[int, Gap]]:
    """Return (open time, GAP) for each hour that the hole may touch, in order of time.

    A witness with ids cuts the hole: its hour gets its own ids and no others. Between two witnesses
    it is unknown which hour an id belongs to, so each hour there gets the same ids. Hours that a
    witness calls quiet get none.
    """
    known = sorted((w for w in witnesses if w.trades is not None), key=lambda w: w.open_time_ms)
    quiet = {w.open_time_ms for w in known if w.trades == 0}
    gaps: list[tuple[int, Gap]] = []
    first, hour = hole.first_id, hole.from_hour_ms
    to_hour = hole.to_hour_ms

    def declare(last: int, from_hour: int, last_hour: int) -> None:
        hours = [h for h in range(from_hour, last_hour + 1, HOUR_MS) if h not in quiet]
        gaps.extend((h, Gap(first, last, reason)) for h in hours or [from_hour])

    for witness in known:
        own_first, own_last = witness.first_trade_id, witness.last_trade_id
        if own_first is None or own_last is None or not witness.trades:
            continue
        own_hour = witness.open_time_ms
        if own_first > hole.last_id:
            to_hour = min(to_hour, own_hour - HOUR_MS)
            break
        if own_last < first or own_hour < hour:
            hour = max(hour, own_hour + HOUR_MS)
            continue
        if own_first > first:
            declare(own_first - 1, hour, max(hour, own_hour - HOUR_MS))
            first = own_first
        declare(min(own_last, hole.last_id), own_hour, own_hour)
        first, hour = own_last + 1, own_hour + HOUR_MS
    if first <= hole.last_id:
        declare(hole.last_id, hour, max(hour, to_hour))
    return gaps


def hole_between(
    first_id: int, last_id: int, time_before_ms: int, time_after_ms: int, not_before_ms: int
) -> Hole:
    """Return the hole between two trades.

    Args:
        first_id: first id that is missing.
        last_id: last id that is missing.
        time_before_ms: trade time before the hole.
        time_after_ms: trade time after it, or the latest it can be.
        not_before_ms: open time of the earliest hour that is not closed.
    """
    start = max(hour_open_ms(time_before_ms), not_before_ms)
    return Hole(first_id, last_id, start, max(start, hour_open_ms(time_after_ms)))


def last_rejected(first: int, rejected: Mapping[int, str], held: Container[int]) -> int:
    """Return the last id of the run from `first` on that was rejected for one and the same reason."""
    last = first
    while rejected.get(last + 1) == rejected[first] and last + 1 not in held:
        last += 1
    return last
