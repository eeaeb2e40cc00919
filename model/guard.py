"""The runtime guard: where the model has lately been worse than the last close, publish the last close. Pure.

A coin whose trailing 56-day rMAE is above 1.003 gets λ = 0, the naive median with the model's bands,
until its own median, still computed beside, is good enough again. The state knows only outcomes
that were known when the row was issued.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.names import HOUR_MS
from model.shrinkage import shrink

Floats = npt.NDArray[np.float64]

WINDOW_MS = 56 * 24 * HOUR_MS
"""Over 28 days the rMAE of one coin has a standard deviation of 0.006, so that a model of 0.990 was above
the limit in 1.5 % of the hours of 2021-06-10 … 2022-04-25, by chance: that cost 0.0001 of rMAE. Over 56
days it never was. A useless one (its medians dealt out anew) has 1.0085 on average, which is above the
limit; how soon 56 days find it was not measured."""
MAX_RELATIVE_MAE = 1.003
MIN_HOURS = 28 * 24
"""Outcomes within the window below which it is not judged: rMAE of a few weeks is noise."""

_UNIT = (
    1e-9  # errors are kept as whole billionths, whose running sums are exact whatever their start
)


@dataclass(frozen=True)
class State:
    """One coin's errors of the last 56 days; of integers only, so that JSON keeps each bit.

    Attributes:
        outcomes: (UTC epoch ms of the forecast's last known hour, model's and naive's absolute
            error in billionths), oldest first.
    """

    outcomes: tuple[tuple[int, int, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads."""
        return {"outcomes": [list(outcome) for outcome in self.outcomes]}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> State:
        """Return a stored state."""
        return cls(tuple((int(t), int(m), int(n)) for t, m, n in value["outcomes"]))


def is_guarded(state: State, open_time_ms: int) -> bool:
    """Return whether the coin's median is the last close in this hour.

    Args:
        state: of the coin, with the outcomes known at that hour.
        open_time_ms: UTC epoch ms of the row's last known hour.
    """
    return _Coin(state).is_guarded(open_time_ms)


def learn_all(state: State, outcomes: Iterable[tuple[int, float, float]]) -> State:
    """Return the state after outcomes; one after the other or all at once, it is the same.

    Args:
        state: before the first.
        outcomes: UTC epoch ms of the forecast's last known hour, rising and later than those it
            knows; absolute error of the model's own median, guarded or not, as a share of the last
            close; the same of the last close. If one of the two is not finite, nothing is learned.
    """
    coin = _Coin(state)
    for open_time_ms, model_error, naive_error in outcomes:
        coin.learn(open_time_ms, model_error, naive_error)
    return coin.state()


def relative_errors(quantiles: Floats, sigma: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Return (rows,) absolute errors in price of the model's and of naive's median.

    Args:
        quantiles: (rows, levels) of z, the median in the middle.
        sigma: (rows,) hourly volatility.
        z: (rows,) outcomes.

    Returns:
        Both as a share of the last close: the actual close is last × exp(sigma × z).
    """
    actual = np.expm1(sigma * z)
    forecast = np.expm1(sigma * quantiles[:, quantiles.shape[1] // 2])
    return np.abs(actual - forecast), np.abs(actual)


def guard_coins(
    symbols: Iterable[str],
    open_time_ms: npt.NDArray[np.int64],
    quantiles: Floats,
    sigma: Floats,
    z: Floats,
    states: Mapping[str, State] | None = None,
) -> tuple[Floats, npt.NDArray[np.bool_], dict[str, State]]:
    """Return guarded quantiles, which rows were guarded, and each coin's state after its last row.

    Args:
        symbols: coin of each row.
        open_time_ms: UTC epoch ms of each row's last known hour, rising within a coin.
        quantiles: (rows, levels) of z as the model gave them.
        sigma: (rows,) hourly volatility.
        z: (rows,) outcomes, each known before the coin's next row is issued; NaN where there was
            none.
        states: to go on from; a coin that is not there begins anew.
    """
    model_errors, naive_errors = relative_errors(quantiles, sigma, z)
    coins = {symbol: _Coin(state) for symbol, state in (states or {}).items()}
    guarded = np.zeros(len(z), dtype=bool)
    rows = zip(
        symbols, open_time_ms.tolist(), model_errors.tolist(), naive_errors.tolist(), strict=True
    )
    for index, (symbol, at, model_error, naive_error) in enumerate(rows):
        coin = coins.setdefault(symbol, _Coin(State()))
        guarded[index] = coin.is_guarded(at)
        coin.learn(at, model_error, naive_error)
    out = np.where(guarded[:, None], shrink(quantiles, 0.0), quantiles)
    return out, guarded, {symbol: coin.state() for symbol, coin in coins.items()}


class _Coin:
    """A state with its sums."""

    def __init__(self, state: State) -> None:
        self._outcomes = deque(state.outcomes)
        self._model = sum(model for _, model, _ in state.outcomes)
        self._naive = sum(naive for _, _, naive in state.outcomes)

    def is_guarded(self, at_ms: int) -> bool:
        """Return whether the coin's median is the last close in this hour."""
        self._forget(at_ms)
        ratio = self._model / max(self._naive, 1)  # of integers: equal sums give an exact quotient
        return len(self._outcomes) >= MIN_HOURS and ratio > MAX_RELATIVE_MAE

    def learn(self, at_ms: int, model_error: float, naive_error: float) -> None:
        """Take an outcome in."""
        if not np.isfinite(model_error + naive_error):
            return
        model, naive = round(model_error / _UNIT), round(naive_error / _UNIT)
        self._outcomes.append((at_ms, model, naive))
        self._model += model
        self._naive += naive
        self._forget(at_ms)

    def state(self) -> State:
        """Return what has been learned."""
        return State(tuple(self._outcomes))

    def _forget(self, at_ms: int) -> None:
        while self._outcomes and self._outcomes[0][0] <= at_ms - WINDOW_MS:
            _, model, naive = self._outcomes.popleft()
            self._model -= model
            self._naive -= naive
