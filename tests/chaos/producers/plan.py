"""Which faults a run injects, when and into what: a function of the seed. Pure.

A plan is a list of waves. The faults of a wave are injected one right after the other; the next wave
waits until each of them has shown. Faults of one wave differ in kind and symbol, so that one cannot be
taken for the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conf.producer import ABORT_POINTS
from tests.chaos.producers.kinds import KINDS, Group

Value = int | float | str

FULL_MINUTES = 7.0
BURST_TRADES = 10_000
# How many websockets the producer has.
CONNECTIONS = 2
LONGEST_WAIT_S = 0.6
CLOSE_CODES = ((1001, "going away"), (1008, "policy"), (1011, "internal error"), (1012, ""))
ERROR_FORMS = ("json", "html", "empty")
ERROR_STATUS = (500, 502, 503, 504)
NEEDS_REST = frozenset(("rate_limit", "ban", "rest_error", "rest_stall", "rest_lag"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: a name in `KINDS`.
        symbol: whose message it strikes; None where it strikes no single symbol.
        values: what the injector needs to know, by name.
    """

    kind: str
    symbol: str | None = None
    values: tuple[tuple[str, Value], ...] = ()

    def value(self, name: str) -> Value:
        """Return one of the values."""
        return dict(self.values)[name]


@dataclass(frozen=True, slots=True)
class Wave:
    """Faults that are injected together, `wait_s` seconds after the wave before was over."""

    wait_s: float
    faults: tuple[Fault, ...]


def make_plan(
    seed: int,
    symbols: Sequence[str],
    minutes: float = FULL_MINUTES,
    only: Iterable[str] | None = None,
) -> list[Wave]:
    """Return the waves of a run.

    Args:
        seed: the same seed and arguments give the same plan.
        symbols: symbols whose messages may be struck.
        minutes: how long the faults may take; shorter runs have fewer of each kind, at least one.
        only: names of the kinds to use; all if None.
    """
    dice = random.Random(seed)
    wanted = set(KINDS if only is None else only)
    share = min(1.0, minutes / FULL_MINUTES)
    counts = {
        name: max(1, round(kind.count * share))
        for name, kind in KINDS.items()
        if name in wanted and kind.count
    }
    faults = {
        name: [_fault(dice, name, symbols, number) for number in range(count)]
        for name, count in counts.items()
    }
    drops = faults.get("drop", [])
    waves = [
        *_alone(faults),
        *_with_rest(faults, drops),
        *_connections(dice, faults),
        *_messages(dice, faults, symbols),
    ]
    dice.shuffle(waves)
    return [Wave(round(dice.uniform(0, LONGEST_WAIT_S), 3), tuple(wave)) for wave in waves]


def _alone(faults: dict[str, list[Fault]]) -> list[list[Fault]]:
    """Return the waves of one: what ends processes, stops the broker or floods."""
    groups = (Group.PROCESS, Group.BROKER, Group.LOAD)
    return [[one] for name, some in faults.items() if KINDS[name].group in groups for one in some]


def _with_rest(faults: dict[str, list[Fault]], drops: list[Fault]) -> list[list[Fault]]:
    """Return the waves of REST faults; each has a hole in the stream, so that REST is asked."""
    waves = []
    for name in sorted(NEEDS_REST & faults.keys()):
        waves += [[one, *([drops.pop()] if drops else [])] for one in faults[name]]
    return waves


def _connections(dice: random.Random, faults: dict[str, list[Fault]]) -> list[list[Fault]]:
    """Return the waves of connection faults; new ones are refused while an old one is cut."""
    cuts = list(faults.get("cut", []))
    waves = [[one, *([cuts.pop()] if cuts else [])] for one in faults.get("refuse", [])]
    others = [
        one
        for name, some in faults.items()
        if KINDS[name].group is Group.CONNECTION and name not in ("refuse", "cut")
        for one in some
    ]
    waves += [[one] for one in cuts + others]
    dice.shuffle(waves)
    return waves


def _messages(
    dice: random.Random, faults: dict[str, list[Fault]], symbols: Sequence[str]
) -> list[list[Fault]]:
    """Return the waves of faulty messages: different kinds on different symbols."""
    left = [
        one for name, some in faults.items() if KINDS[name].group is Group.MESSAGE for one in some
    ]
    dice.shuffle(left)
    waves: list[list[Fault]] = []
    while left:
        wave: list[Fault] = []
        for one in list(left):
            taken = {other.symbol for other in wave} | {other.kind for other in wave}
            if len(wave) < len(symbols) and not taken & {one.symbol, one.kind}:
                wave.append(one)
                left.remove(one)
        waves.append(wave)
    return waves


def _fault(dice: random.Random, kind: str, symbols: Sequence[str], number: int) -> Fault:
    """Return the `number`-th fault of a kind."""
    needs_symbol = KINDS[kind].group is Group.MESSAGE or kind in ("burst", "truncated_frame")
    symbol = dice.choice(symbols) if needs_symbol else None
    return Fault(kind, symbol, tuple(_values(dice, kind, number).items()))


def _values(dice: random.Random, kind: str, number: int) -> dict[str, Value]:
    code, reason = CLOSE_CODES[number % len(CLOSE_CODES)]
    point = ABORT_POINTS[number % len(ABORT_POINTS)]
    passes = {"received": 300, "sequenced": 300}.get(point, 1 if point == "rest_answered" else 6)
    table: dict[str, dict[str, Value]] = {
        "delay": {"ms": dice.randrange(80, 900)},
        "cut": {"count": dice.randint(1, CONNECTIONS)},
        "close": {"code": code, "reason": reason, "count": dice.randint(1, CONNECTIONS)},
        "half_open": {"seconds": 20, "count": dice.randint(1, CONNECTIONS)},
        "life": {"seconds": dice.choice((2, 3))},
        "shutdown": {"notice_s": dice.choice((1, 2, 4)), "count": dice.randint(1, CONNECTIONS)},
        "refuse": {"seconds": dice.choice((1, 2, 3))},
        "rate_limit": {"count": dice.randrange(1, 4), "retry_after_s": 1},
        "ban": {"retry_after_s": dice.choice((2, 3))},
        "rest_error": {
            "status": dice.choice(ERROR_STATUS),
            "form": ERROR_FORMS[number % len(ERROR_FORMS)],
            "count": dice.randrange(1, 5),
        },
        "rest_stall": {"seconds": dice.choice((3, 5)), "count": 1},
        "rest_lag": {"ms": dice.choice((60_000, 120_000, 240_000))},
        # Longer than the producer tries one commit; a short absence leaves no mark.
        "broker_term": {"down_s": dice.choice((6.0, 8.0))},
        "broker_kill": {"down_s": dice.choice((6.0, 8.0))},
        "broker_pause": {"seconds": dice.choice((7.0, 9.0, 12.0))},
        "kill": {"after_s": round(dice.uniform(0.0, 1.0), 3)},
        "kill_starting": {"after_s": round(dice.uniform(0.3, 3.5), 3)},
        "kill_at": {"point": point, "passes": dice.randrange(1, passes + 1)},
        "second": {"after_s": round(dice.uniform(0.0, 1.0), 3)},
        "burst": {"count": BURST_TRADES},
    }
    return table.get(kind, {})
