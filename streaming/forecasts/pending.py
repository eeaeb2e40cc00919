"""Which target hours are to be scored now, and which symbols of them are refused and why. Pure.

The rules, for one closed hour H (the forecast's target is the hour after it):

* H is known to be closed once any symbol has a final candle for it. Without one (the exchange was
  halted) there is no run at all.
* H is *ready* when every expected symbol (status TRADING) has its final candle, or when the grace
  after the first final candle is over. Until then it waits, and so do all later hours.
* A run is *live* if it is issued within its target hour: exchange time < target open + 1 h. An
  older hour gets refusals with the reason `late` for all symbols and no forecast.
* Hours up to the newest run of the ledger are done. An empty ledger starts after the newest hour
  that was closed before there was a model; hours closed before that get no run (`Ledger.unscored`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from conf.names import HOUR_MS

VALID_VERDICTS = frozenset({"complete", "quiet", "history"})
TRADING = "TRADING"

LATE = "late: issued after its target hour"
MISSING = "missing: no final candle within the grace"
NOT_LISTED = "not listed: no row in table symbol"
NO_CLOSE = "no close: the input hour has no price"


@dataclass(frozen=True, slots=True)
class FinalCandle:
    """What the decision needs of a final candle (grain: symbol, open time).

    `open_time_ms` is exchange time, `arrived_ms` the store's wall time, both UTC epoch ms.
    """

    symbol: str
    open_time_ms: int
    verdict: str
    reason: str | None
    has_close: bool
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What is expected and how long to wait; `symbols` in the order of the mask."""

    symbols: tuple[str, ...]
    grace_ms: int

    @classmethod
    def of(
        cls, symbols: tuple[str, ...], grace_s: float, grace_floor_s: float, speed: float
    ) -> Rules:
        """Scale the grace from exchange seconds to wall time, with a floor in wall seconds."""
        return cls(symbols, round(1000 * max(grace_s / speed, grace_floor_s)))


@dataclass(frozen=True, slots=True)
class Hour:
    """One closed hour whose successor is to be forecast now.

    `refusals` holds a reason for each symbol without a valid input; `valid` are all others.
    """

    as_of_open_time_ms: int
    valid: tuple[str, ...]
    refusals: Mapping[str, str]
    verdicts: Mapping[str, str]
    mask: str
    is_late: bool

    @property
    def target_open_time_ms(self) -> int:
        """Open time of the hour whose close is forecast."""
        return self.as_of_open_time_ms + HOUR_MS

    def judged_late(self) -> Hour:
        """Return the same hour with all symbols refused, for a run that missed its target hour."""
        everyone = [*self.refusals, *self.valid]
        return replace(self, valid=(), refusals=dict.fromkeys(everyone, LATE), is_late=True)


def is_late(as_of_open_time_ms: int, exchange_now_ms: int) -> bool:
    """Tell whether a forecast issued now would come after the end of its target hour."""
    return exchange_now_ms >= as_of_open_time_ms + 2 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Decision:
    """Hours to write now, oldest first, and whether a further one waits for its last symbols."""

    hours: tuple[Hour, ...]
    is_waiting: bool


def decide(
    candles: Iterable[FinalCandle],
    statuses: Mapping[str, str],
    rules: Rules,
    *,
    exchange_now_ms: int,
    wall_now_ms: int,
) -> Decision:
    """Return what is to be written now.

    Args:
        candles: current final candles of all hours that have no run yet.
        statuses: status by symbol, as in the table `symbol`.
        rules: symbols and grace.
        exchange_now_ms: the exchange's time now.
        wall_now_ms: the store's wall time now, the clock that stamped `arrived_ms`.
    """
    by_hour: dict[int, dict[str, FinalCandle]] = {}
    for candle in candles:
        by_hour.setdefault(candle.open_time_ms, {})[candle.symbol] = candle
    ready: list[Hour] = []
    for open_time_ms in sorted(by_hour):
        found = by_hour[open_time_ms]
        late = is_late(open_time_ms, exchange_now_ms)
        if not late and _waits(found, statuses, rules, wall_now_ms):
            return Decision(tuple(ready), is_waiting=True)
        hour = _judge(open_time_ms, found, statuses, rules)
        ready.append(hour.judged_late() if late else hour)
    return Decision(tuple(ready), is_waiting=False)


def _waits(
    found: Mapping[str, FinalCandle], statuses: Mapping[str, str], rules: Rules, wall_now_ms: int
) -> bool:
    missing = any(s not in found and statuses.get(s) == TRADING for s in rules.symbols)
    first_ms = min(candle.arrived_ms for candle in found.values())
    return missing and wall_now_ms < first_ms + rules.grace_ms


def _judge(
    open_time_ms: int,
    found: Mapping[str, FinalCandle],
    statuses: Mapping[str, str],
    rules: Rules,
) -> Hour:
    faults = {s: _fault(s, found.get(s), statuses) for s in rules.symbols}
    return Hour(
        as_of_open_time_ms=open_time_ms,
        valid=tuple(s for s, fault in faults.items() if fault is None),
        refusals={s: fault for s, fault in faults.items() if fault is not None},
        verdicts={s: found[s].verdict for s in rules.symbols if s in found},
        mask="".join("0" if faults[s] else "1" for s in rules.symbols),
        is_late=False,
    )


def _fault(symbol: str, candle: FinalCandle | None, statuses: Mapping[str, str]) -> str | None:
    if candle is not None:
        if candle.verdict not in VALID_VERDICTS:
            return f"{candle.verdict}: {candle.reason or 'no reason given'}"
        return None if candle.has_close else NO_CLOSE
    status = statuses.get(symbol)
    if status is None:
        return NOT_LISTED
    return MISSING if status == TRADING else f"halted: status {status}"
