"""Adaptive conformal calibration: bands that hold their nominal coverage, coin by coin. Pure.

Conformalised quantile regression (Romano, Patterson and Candès 2019, arXiv 1905.03222) with an
adaptive level (Gibbs and Candès 2021, arXiv 2106.00170): a pair of quantiles is moved outwards by
the (1 − α) quantile of the last scores s = max(low − z, z − high), and α follows what was missed,
α ← α + γ (α* − miss). All in units of sigma, so that calm and wild days compare.

A state knows only outcomes that were known when the row was issued: adjust a row, then, when its
outcome is there, learn with the same row. A row without outcome changes nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.baselines import MIN_GAP

Floats = npt.NDArray[np.float64]

WINDOW_HOURS = 4320
GAMMA = 0.001
"""The 16 pairs of window (720, 1440, 2160, 4320 h) and γ (0.0005 … 0.005) and 5 steps of a scale without
window were tried on the champion's forecasts of 2021-06-10 … 2022-04-25, nine coins, 99 coin-months, before the
official range. 720 h and 0.005 cost 0.18 points of pinball skill (1.91 → 1.73 %): each margin was the noise of a
few dozen scores. These cost 0.03, with all coin-months inside 88 … 92.2 % (88.1 … 92.0 %)."""
MIN_SCORES = 100
"""Rows are left as they are, and α too, until this many outcomes are known."""


@dataclass(frozen=True)
class State:
    """What calibrates one coin's next row; of Python numbers only, so that JSON keeps each bit.

    Attributes:
        targets: nominal share outside of each pair of levels, outermost pair first.
        alphas: the adapted shares; not bounded, which is what makes the coverage exact in the
            long run.
        scores: the last scores of each pair, in sigmas, oldest first.
        gamma: step of α per outcome.
        window: scores that count.
    """

    targets: tuple[float, ...]
    alphas: tuple[float, ...]
    scores: tuple[tuple[float, ...], ...]
    gamma: float = GAMMA
    window: int = WINDOW_HOURS

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> State:
        """Return a stored state.

        Raises:
            ValueError: if its pairs do not agree in number.
        """
        state = cls(
            tuple(float(target) for target in value["targets"]),
            tuple(float(alpha) for alpha in value["alphas"]),
            tuple(tuple(float(score) for score in scores) for scores in value["scores"]),
            float(value["gamma"]),
            int(value["window"]),
        )
        if not len(state.targets) == len(state.alphas) == len(state.scores):
            message = f"state of {len(state.targets)} pairs: {len(state.alphas)} alphas, {len(state.scores)} windows"
            raise ValueError(message)
        return state


def initial_state(
    levels: Sequence[float], *, gamma: float = GAMMA, window: int = WINDOW_HOURS
) -> State:
    """Return the state before any outcome.

    Args:
        levels: rising and symmetric around a median.
        gamma: step of α per outcome.
        window: scores that count.

    Raises:
        ValueError: if the levels are not symmetric or the window cannot fill.
    """
    pairs = len(levels) // 2
    mirrored = [round(1.0 - level, 9) for level in reversed(levels)]
    if [round(level, 9) for level in levels] != mirrored or len(levels) % 2 == 0:
        message = f"levels {tuple(levels)} are not symmetric around 0.5"
        raise ValueError(message)
    if window < MIN_SCORES:
        message = f"a window of {window} never holds {MIN_SCORES} scores"
        raise ValueError(message)
    targets = tuple(round(2.0 * levels[pair], 9) for pair in range(pairs))
    return State(targets, targets, ((),) * pairs, gamma, window)


def adjust(state: State, quantiles: Sequence[float]) -> tuple[float, ...]:
    """Return the quantiles of z to publish; the median is the same and none cross.

    Args:
        state: of the coin, with the outcomes known at the row's hour.
        quantiles: of z as the model gave them, one per level, rising.
    """
    return tuple(_Coin(state).adjust([float(value) for value in quantiles]))


def learn_all(
    state: State, outcomes: Iterable[tuple[Sequence[float], float, Sequence[float]]]
) -> State:
    """Return the state after outcomes; one after the other or all at once, it is the same.

    Args:
        state: before the first.
        outcomes: of each row its quantiles before `adjust`; what came, which teaches nothing if it is
            not finite; and the shares that it led to, made anew where they are empty.
    """
    coin = _Coin(state)
    for quantiles, z, alphas in outcomes:
        row = [float(value) for value in quantiles]
        coin.learn(row, coin.adjust(row), float(z))
        if alphas:
            coin.set_alphas(alphas)
    return coin.state()


def calibrate(quantiles: Floats, z: Floats, state: State) -> tuple[Floats, State]:
    """Return the published quantiles of one coin's rows and the state after the last.

    The same bits as `adjust` and `learn_all` in turn, hour by hour.

    Args:
        quantiles: (rows, levels) of z as the model gave them, in the order of hours.
        z: (rows,) outcomes, each known before the next row is issued; NaN where there was none.
        state: before the first row.
    """
    coin = _Coin(state)
    published = []
    for row, outcome in zip(quantiles.tolist(), z.tolist(), strict=True):
        adjusted = coin.adjust(row)
        coin.learn(row, adjusted, outcome)
        published.append(adjusted)
    return np.array(published, dtype=float).reshape(quantiles.shape), coin.state()


def calibrate_coins(
    symbols: Iterable[str],
    quantiles: Floats,
    z: Floats,
    levels: Sequence[float],
    states: Mapping[str, State] | None = None,
) -> tuple[Floats, dict[str, State]]:
    """Return the published quantiles of all rows and each coin's state after its last.

    Args:
        symbols: coin of each row.
        quantiles: (rows, levels) of z as the model gave them, each coin's in the order of hours.
        z: (rows,) outcomes; NaN where there was none.
        levels: of the columns.
        states: to go on from; a coin that is not there begins anew.
    """
    names = np.asarray(list(symbols), dtype=object)
    after = dict(states or {})
    published = np.array(quantiles, dtype=float)
    for symbol in sorted(set(names.tolist())):
        rows = names == symbol
        before = after.get(symbol) or initial_state(levels)
        published[rows], after[symbol] = calibrate(quantiles[rows], z[rows], before)
    return published, after


class _Pair:
    """The window of one pair of levels, also kept sorted: a quantile is then one look-up."""

    __slots__ = ("alpha", "gamma", "ordered", "recent", "target", "window")

    def __init__(
        self, target: float, alpha: float, scores: Sequence[float], gamma: float, window: int
    ) -> None:
        self.target = target
        self.alpha = alpha
        self.gamma = gamma
        self.window = window
        self.recent = deque(scores)
        self.ordered = sorted(scores)

    def margin(self) -> float:
        """Return how far, in sigmas, the pair is moved outwards; negative is inwards."""
        count = len(self.ordered)
        if count < MIN_SCORES:
            return 0.0
        rank = math.ceil((count + 1) * (1.0 - self.alpha))
        return self.ordered[min(max(rank, 1), count) - 1]

    def learn(self, score: float, missed: bool) -> None:
        """Take an outcome in."""
        if len(self.ordered) >= MIN_SCORES:
            self.alpha += self.gamma * (self.target - missed)
        self.recent.append(score)
        insort(self.ordered, score)
        if len(self.recent) > self.window:
            del self.ordered[bisect_left(self.ordered, self.recent.popleft())]


class _Coin:
    """A state in a form that takes rows fast."""

    def __init__(self, state: State) -> None:
        self._pairs = [
            _Pair(target, alpha, scores, state.gamma, state.window)
            for target, alpha, scores in zip(state.targets, state.alphas, state.scores, strict=True)
        ]
        self._before = state

    def adjust(self, row: list[float]) -> list[float]:
        """Return the row to publish."""
        out = row.copy()
        low = high = row[len(row) // 2]
        for index in range(len(self._pairs) - 1, -1, -1):  # from the median outwards
            margin = self._pairs[index].margin()
            low = out[index] = min(row[index] - margin, low - MIN_GAP)
            high = out[-1 - index] = max(row[-1 - index] + margin, high + MIN_GAP)
        return out

    def learn(self, row: list[float], published: list[float], z: float) -> None:
        """Take an outcome in."""
        if not math.isfinite(z):
            return
        for index, pair in enumerate(self._pairs):
            score = max(row[index] - z, z - row[-1 - index])
            pair.learn(score, not published[index] <= z <= published[-1 - index])

    def set_alphas(self, alphas: Sequence[float]) -> None:
        """Put recorded shares in place of one's own."""
        for pair, alpha in zip(self._pairs, alphas, strict=True):
            pair.alpha = alpha

    def state(self) -> State:
        """Return what has been learned."""
        return State(
            self._before.targets,
            tuple(pair.alpha for pair in self._pairs),
            tuple(tuple(pair.recent) for pair in self._pairs),
            self._before.gamma,
            self._before.window,
        )
