"""What a run does and in which order: a function of the seed. Pure.

A plan is a list of steps: a series of processes that each kill themselves at a named point of a
batch, or one outage, or one attack on the topic. The next step begins when the candles have caught up.
Beside every step some messages of the exchange are spoilt.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conf.settings import CANDLE_ABORT_POINTS

REPEATS = 3
KILLS_PER_SERIES = 5
# Passed once per candle; an hour of all symbols closes in one or two batches.
PER_CANDLE = ("file_written", "produced")
# Passed by every batch; after a start the first and the second have hours to close.
PER_BATCH = ("batch_begun", "reading", "judged", "revisions_read", "checkpointing")
NOISE = ("duplicate", "reorder", "drop", "delay", "malformed", "future_time", "drop_kline")

KILLS = "kills"
OUTAGES: dict[str, tuple[float, ...]] = {
    # wall seconds away, once each
    "postgres_stop": (1.0, 60.0),
    "postgres_crash": (1.0,),
    "namenode_term": (0.5,),
    "namenode_kill": (3.0,),
    "broker_term": (1.0,),
    "broker_kill": (5.0,),
    "datanode_pause": (8.0,),
}
OTHERS = (
    "late_symbol",
    "late_symbol",
    "bad_records",
    "second_writer",
    "second_writer",
    "second_app",
)
KINDS = (KILLS, *OUTAGES, *dict.fromkeys(OTHERS))


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that is killed at the n-th passage of a point."""

    point: str
    passage: int

    @property
    def setting(self) -> str:
        """The value of NEXTHOUR_CANDLE_ABORT_AT."""
        return f"{self.point}:{self.passage}"


@dataclass(frozen=True, slots=True)
class Noise:
    """Some messages of a symbol that the exchange spoils."""

    kind: str
    symbol: str
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        kind: one of `KINDS`.
        after_s: how long after the step before has caught up.
        seconds: how long what it stops is away.
        symbol: whom it is about, if a single symbol.
        kills: of a series; the process that runs before it is killed at a random time.
        noise: what the exchange spoils meanwhile.
        is_reversed: whether a second writer writes its copies in reversed order.
    """

    kind: str
    after_s: float
    seconds: float = 0.0
    symbol: str = ""
    kills: tuple[Kill, ...] = ()
    noise: tuple[Noise, ...] = ()
    is_reversed: bool = False


def make_plan(
    seed: int,
    clean: Sequence[str],
    apart: Sequence[str],
    repeats: int = REPEATS,
    only: Iterable[str] | None = None,
) -> list[Step]:
    """Return the steps of a run.

    Args:
        seed: the same seed and arguments give the same plan.
        clean: symbols whose topic no second writer touches.
        apart: the other symbols.
        repeats: how often each named point kills.
        only: kinds to use; all if None.
    """
    dice = random.Random(seed)
    wanted = set(KINDS if only is None else only)
    steps: list[Step] = []
    for kind, durations in OUTAGES.items():
        steps += [Step(kind, 0.0, seconds) for seconds in durations if kind in wanted]
    for number, kind in enumerate(OTHERS):
        symbol = dice.choice(apart if kind == "second_writer" else clean)
        if kind in wanted:
            steps.append(Step(kind, 0.0, symbol=symbol, is_reversed=bool(number % 2)))
    dice.shuffle(steps)
    if KILLS in wanted:
        steps = _interleaved(_series(dice, repeats), steps)
    return [_dressed(dice, step, clean) for step in steps]


def _series(dice: random.Random, repeats: int) -> list[Step]:
    kills = [
        Kill(point, _passage(dice, point)) for point in CANDLE_ABORT_POINTS for _ in range(repeats)
    ]
    dice.shuffle(kills)
    return [
        Step(KILLS, 0.0, kills=tuple(kills[begin : begin + KILLS_PER_SERIES]))
        for begin in range(0, len(kills), KILLS_PER_SERIES)
    ]


def _passage(dice: random.Random, point: str) -> int:
    if point in PER_CANDLE:
        return dice.randint(1, 6)
    return dice.randint(1, 2) if point in PER_BATCH else 1


def _interleaved(series: list[Step], others: list[Step]) -> list[Step]:
    """Spread the series evenly over the other steps."""
    steps = list(others)
    for number, one in enumerate(series):
        steps.insert(round(number * (len(others) + len(series)) / len(series)), one)
    return steps


def _dressed(dice: random.Random, step: Step, clean: Sequence[str]) -> Step:
    """Add the moment and the noise."""
    # One symbol's series must not be late for two reasons.
    free = [symbol for symbol in clean if symbol != step.symbol]
    noise = tuple(
        Noise(kind, dice.choice(free), dice.randint(1, 4)) for kind in dice.sample(NOISE, 4)
    )
    return Step(
        step.kind,
        round(dice.uniform(0.0, 3.0), 3),
        step.seconds,
        step.symbol,
        step.kills,
        # A late symbol is told by the others being in time.
        () if step.kind == "late_symbol" else noise,
        step.is_reversed,
    )
