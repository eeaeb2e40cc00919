"""What can be judged only at the end: faults that records show, and what the exchange counted. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.producers.kinds import KINDS
from tests.chaos.producers.report import KindResult, SymbolResult


@dataclass
class Tally:
    """What became of the faults of one kind."""

    injected: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0


Tallies = defaultdict[str, Tally]


@dataclass(frozen=True)
class BookFaults:
    """What the exchange's settings put into the book, by symbol: how many hours or ids."""

    absent_ids: Mapping[str, int]
    quiet_hours: Mapping[str, int]
    halted_hours: Mapping[str, int]


def judge_book(
    tallies: Tallies,
    book: BookFaults,
    symbols: Sequence[SymbolResult],
    incidents_of: Callable[[str, str | None], int],
) -> list[str]:
    """Count the book's peculiarities as faults; return a line for each that does not show."""
    rows = {row.symbol: row for row in symbols}
    found = {
        "absent_ids": {name: rows[name].gap_ids for name in rows},
        "quiet_hour": {name: rows[name].quiet_hours for name in rows},
        "halted_hour": {name: incidents_of("halted", name) for name in rows},
    }
    wanted = {
        "absent_ids": book.absent_ids,
        "quiet_hour": book.quiet_hours,
        "halted_hour": book.halted_hours,
    }
    problems = []
    for kind, by_symbol in wanted.items():
        for symbol, count in by_symbol.items():
            tallies[kind].injected += 1
            shown = found[kind].get(symbol, 0)
            if kind == "halted_hour":  # nothing in the topic says it, so a restart tells it again
                is_shown = shown >= count
            elif kind == "absent_ids":
                is_shown = shown == count and incidents_of("never_existed", symbol) > 0
            else:
                is_shown = shown == count
            if is_shown:
                tallies[kind].seen[str(KINDS[kind].signs[0])] += 1
            else:
                problems.append(
                    f"not seen: {kind} {symbol}: {count} in the book, {shown} in the topics"
                )
    return problems


def judge_missed_klines(
    tallies: Tallies, missed: Mapping[str, int], symbols: Sequence[SymbolResult]
) -> list[str]:
    """Count closed klines that did not come by the hours that REST closed."""
    by_rest = {row.symbol: row.hours_closed_by_rest for row in symbols}
    problems = []
    for symbol, count in missed.items():
        shown = min(count, by_rest.get(symbol, 0))
        tallies["drop_kline"].seen[str(KINDS["drop_kline"].signs[0])] += shown
        if shown < count:
            problems.append(f"not seen: {count - shown} of {count} drop_kline {symbol}")
    return problems


def kind_results(
    tallies: Tallies, injected: Mapping[str, int]
) -> tuple[list[KindResult], list[str]]:
    """Return the rows of the report, and a line for each kind of which the exchange counts fewer.

    Args:
        tallies: by kind.
        injected: what the exchange has counted, by its own names.
    """
    rows, problems = [], []
    for name, kind in KINDS.items():
        if name not in tallies:
            continue
        tally = tallies[name]
        confirmed = injected.get(name, 0) if kind.is_own_count else None
        if confirmed is not None and confirmed < tally.injected:
            problems.append(f"{name}: {tally.injected} asked for, the exchange counts {confirmed}")
        rows.append(
            KindResult(
                kind=name,
                group=kind.group.value,
                injected=tally.injected,
                confirmed=confirmed,
                seen=dict(tally.seen),
                unseen=tally.injected - sum(tally.seen.values()),
                slowest_s=round(tally.slowest_s, 1),
            )
        )
    return rows, problems
