"""One coin's guard and calibration, hour after hour: what is published, and what an outcome teaches. Pure.

The same steps as `model.evaluation.champion` takes over a whole range: guard first, then adaptive
conformal bands around what the guard let through. A state holds only outcomes that were known when
a row was issued, and it can be made again, bit by bit, from what was recorded of them (`replay`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model import conformal, guard
from model.shrinkage import shrink


@dataclass(frozen=True)
class Steps:
    """Which steps a coin's quantiles go through; stable coins have no guard."""

    is_guarded: bool = True
    is_calibrated: bool = True


@dataclass(frozen=True)
class CoinState:
    """What was learned of one coin."""

    guard: guard.State
    conformal: conformal.State

    @classmethod
    def initial(cls, levels: Sequence[float]) -> CoinState:
        """Return the state before any outcome."""
        return cls(guard.State(), conformal.initial_state(levels))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads."""
        return {"guard": self.guard.to_dict(), "conformal": self.conformal.to_dict()}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> CoinState:
        """Return a stored state.

        Raises:
            ValueError: if its parts do not agree.
            KeyError: if a part is missing.
        """
        return cls(
            guard.State.from_dict(value["guard"]), conformal.State.from_dict(value["conformal"])
        )


@dataclass(frozen=True)
class Published:
    """Quantiles of z as they go out.

    Attributes:
        z: one per level, rising.
        is_guarded: whether the guard put the last close in place of the median.
        alphas: adapted share outside of each pair of levels, outermost first.
    """

    z: tuple[float, ...]
    is_guarded: bool
    alphas: tuple[float, ...]


@dataclass(frozen=True)
class Learned:
    """A forecast with its outcome.

    Attributes:
        as_of_open_time_ms: the forecast's last known hour, UTC epoch ms.
        raw_z: quantiles of z before guard and calibration.
        is_guarded: whether the guard had stepped in.
        sigma: hourly volatility, the unit of z.
        z: what came.
        alphas_after: the state's shares once it had learned this; used by `replay` alone.
    """

    as_of_open_time_ms: int
    raw_z: tuple[float, ...]
    is_guarded: bool
    sigma: float
    z: float
    alphas_after: tuple[float, ...] = ()


def publish(
    state: CoinState, raw_z: Sequence[float], as_of_open_time_ms: int, steps: Steps
) -> Published:
    """Return what to publish of the composed quantiles.

    Args:
        state: of the coin, with the outcomes known now.
        raw_z: quantiles of z, one per level, rising.
        as_of_open_time_ms: the last known hour, UTC epoch ms.
        steps: which of them the coin goes through.
    """
    is_guarded = steps.is_guarded and guard.is_guarded(state.guard, as_of_open_time_ms)
    row = _guarded(raw_z, is_guarded)
    z = conformal.adjust(state.conformal, row) if steps.is_calibrated else tuple(row)
    return Published(z, is_guarded, state.conformal.alphas)


def learn(state: CoinState, outcome: Learned) -> CoinState:
    """Return the state after an outcome."""
    return replay(state, [replace(outcome, alphas_after=())])


def replay(seed: CoinState, outcomes: Iterable[Learned]) -> CoinState:
    """Return the state that learning `outcomes` one after the other has led to.

    Args:
        seed: what the first of them found; its part in the windows fades with their number.
        outcomes: in the order in which they were learned, with the shares that each led to.
    """
    errors, rows = [], []
    for outcome in outcomes:
        # One by one: numpy computes whole arrays with other last bits.
        model_errors, naive_errors = guard.relative_errors(
            np.array([outcome.raw_z]), np.array([outcome.sigma]), np.array([outcome.z])
        )
        errors.append((outcome.as_of_open_time_ms, float(model_errors[0]), float(naive_errors[0])))
        row = _guarded(outcome.raw_z, outcome.is_guarded)
        rows.append((row, float(outcome.z), outcome.alphas_after))
    return CoinState(guard.learn_all(seed.guard, errors), conformal.learn_all(seed.conformal, rows))


def _guarded(raw_z: Sequence[float], is_guarded: bool) -> list[float]:
    row = np.array([raw_z], dtype=float)
    values: list[float] = (shrink(row, 0.0) if is_guarded else row)[0].tolist()
    return values
