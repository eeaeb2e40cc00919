"""The states of guard and calibration while the query runs, and how the ledger gives them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conf.contracts.forecasts import QUANTILES
from conf.names import HOUR_MS
from model.calibration import CoinState, Learned, replay
from model.conformal import WINDOW_HOURS
from model.guard import WINDOW_MS

LEDGER_HOURS = max(WINDOW_HOURS, WINDOW_MS // HOUR_MS)
"""Outcomes of a coin that a state depends on: the calibration's window, longer than the guard's."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger holds of one coin: what its state began with, and what it learned since.

    `outcomes` are the last `LEDGER_HOURS`, in the order in which they were learned.
    """

    seed: CoinState | None
    outcomes: tuple[Learned, ...]


@dataclass
class Calibrations:
    """States by symbol, of one chain of forecasts: the live ones, or those of one shadow version.

    Attributes:
        seeds: what each state began with.
        is_new: the ledger does not hold the seeds yet.
    """

    seeds: Mapping[str, CoinState]
    is_new: bool
    _states: dict[str, CoinState] = field(default_factory=dict)

    @classmethod
    def begin(cls, seeds: Mapping[str, CoinState]) -> Calibrations:
        """Return the states of a chain that begins, with what its first version brought along."""
        return cls(dict(seeds), is_new=True, _states=dict(seeds))

    @classmethod
    def resume(cls, recorded: Mapping[str, Recorded]) -> Calibrations:
        """Return the states that the recorded outcomes have led to, bit by bit."""
        seeds = {symbol: one.seed for symbol, one in recorded.items() if one.seed is not None}
        states = {
            symbol: replay(one.seed or CoinState.initial(QUANTILES), one.outcomes)
            for symbol, one in recorded.items()
        }
        return cls(seeds, is_new=False, _states=states)

    def state(self, symbol: str) -> CoinState:
        """Return a coin's state; one that was never met begins anew."""
        return self._states.get(symbol) or CoinState.initial(QUANTILES)

    def take(self, states: Mapping[str, CoinState]) -> None:
        """Go on from these states: the ledger holds what led to them."""
        self._states.update(states)
