"""All stores against the exchange's book, once everything has stopped. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from conf.contracts.candles import Candle
from streaming.reconcile.compare import Comparison, Figures, Key, compare, newest_revisions

SHOWN = 12


@dataclass
class Verdict:
    """What the comparison found.

    Attributes:
        comparison: of the hours that nobody spoilt.
        doubled: clean hours with any revision but the first, by store.
        disputed: spoilt hours that are disputed in all stores.
        problems: one line each.
    """

    comparison: Comparison
    doubled: dict[str, int] = field(default_factory=dict)
    disputed: int = 0
    problems: list[str] = field(default_factory=list)

    def missing(self, store: str) -> int:
        """Return how many clean hours a store lacks."""
        ending = " is missing"
        return sum(
            line.startswith(f"{store}: ") and line.endswith(ending)
            for line in self.comparison.differences
        )


def judge_stores(
    book: Mapping[Key, Figures],
    stores: Mapping[str, Sequence[Candle]],
    spoilt: Set[Key],
    until_ms: int,
) -> Verdict:
    """Compare what the stores hold with the book.

    Args:
        book: closed hours of the exchange, now.
        stores: every final candle of each store, each revision; of the topic every message, in order.
        spoilt: hours that must be disputed.
        until_ms: open time of the last hour that must be there; later ones may be.
    """
    present = {(candle.symbol, candle.open_time_ms) for some in stores.values() for candle in some}
    wanted = {key: row for key, row in book.items() if key[1] <= until_ms or key in present}
    newest = {name: newest_revisions(candles) for name, candles in stores.items()}
    clean = {key: row for key, row in wanted.items() if key not in spoilt}
    comparison = compare(
        clean,
        {
            name: {key: candle for key, candle in found.items() if key not in spoilt}
            for name, found in newest.items()
        },
    )
    verdict = Verdict(comparison)
    verdict.problems += _shortened(comparison.differences)
    for name, candles in stores.items():
        again = sorted(
            {
                (candle.symbol, candle.open_time_ms)
                for candle in candles
                if candle.revision != 1 and (candle.symbol, candle.open_time_ms) not in spoilt
            }
        )
        verdict.doubled[name] = len(again)
        verdict.problems += _shortened([f"{name}: {key} has a second revision" for key in again])
    verdict.problems += _order_problems(stores.get("topic", ()))
    for key in sorted(spoilt & wanted.keys()):
        problem = _spoilt_problem(key, {name: found.get(key) for name, found in newest.items()})
        verdict.disputed += problem is None
        verdict.problems += [problem] if problem else []
    return verdict


def _order_problems(messages: Sequence[Candle]) -> list[str]:
    """Check what compaction would keep, and that a repeated message repeats its content."""
    problems = []
    by_key: defaultdict[Key, list[Candle]] = defaultdict(list)
    for candle in messages:
        by_key[candle.symbol, candle.open_time_ms].append(candle)
    for key, candles in sorted(by_key.items()):
        if candles[-1].revision != max(candle.revision for candle in candles):
            problems.append(f"topic: compaction would keep an older revision of {key}")
        contents: dict[int, Candle] = {}
        for candle in candles:
            if contents.setdefault(candle.revision, candle) != candle:
                problems.append(f"topic: two contents of {key} revision {candle.revision}")
    return _shortened(problems)


def _spoilt_problem(key: Key, found: Mapping[str, Candle | None]) -> str | None:
    name = f"spoilt {key[0]} {key[1]}"
    candles = list(found.values())
    first = candles[0]
    if first is None or None in candles:
        away = [store for store, candle in found.items() if candle is None]
        return f"{name}: not in {', '.join(away)}"
    if first.verdict != "disputed" or not (first.reason or "").startswith(("count:", "times")):
        return f"{name}: verdict {first.verdict} ({first.reason})"
    if any(candle != first for candle in candles):
        return f"{name}: the stores differ"
    return None


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= SHOWN:
        return lines
    return [*lines[:SHOWN], f"… and {len(lines) - SHOWN} more"]
