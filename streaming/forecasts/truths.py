"""What became of a forecast: its score, once the close that it spoke of is final. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from conf.contracts.forecasts import QUANTILES
from model.calibration import Learned
from model.metrics import pinball
from streaming.forecasts.pending import VALID_VERDICTS


@dataclass(frozen=True, slots=True)
class Truth:
    """A forecast of the ledger beside the candle of its target hour (grain: forecast, revision).

    `bands` are the published prices q05, q25, q50, q75, q95; the rest as in `Forecast`.
    """

    symbol: str
    target_open_time_ms: int
    as_of_open_time_ms: int
    model_version: str
    kind: str
    last_close: Decimal
    bands: tuple[Decimal, ...]
    is_fallback: bool
    is_guarded: bool
    sigma: float | None
    raw_z: tuple[float, ...] | None
    base_z: tuple[float, ...] | None
    actual_close: Decimal
    verdict: str
    candle_revision: int
    is_first: bool

    @property
    def is_undoubted(self) -> bool:
        """Whether the close may be learned from."""
        return self.verdict in VALID_VERDICTS


@dataclass(frozen=True, slots=True)
class Score:
    """How far a forecast was off, beside the last close (grain: that of its `Truth`).

    `z` is the move that came, in sigmas; `pinball` the mean pinball loss of the published bands and
    `naive_pinball` that of the last close with EWMA bands, both in sigmas. All three are None where
    the close is doubted or no volatility was recorded.
    """

    abs_error: Decimal
    naive_abs_error: Decimal
    in_band_50: bool
    in_band_90: bool
    z: float | None
    pinball: float | None
    naive_pinball: float | None


def score(truth: Truth) -> Score:
    """Return the score of a forecast that was no refusal."""
    low, lower, middle, upper, high = truth.bands
    actual = truth.actual_close
    z = own = naive = None
    if truth.is_undoubted and truth.sigma and truth.base_z:
        unit, last = truth.sigma, float(truth.last_close)
        z = math.log(float(actual) / last) / unit
        published = [math.log(float(price) / last) / unit for price in truth.bands]
        own, naive = (
            pinball(np.array([z]), np.array([quantiles]), QUANTILES)
            for quantiles in (published, truth.base_z)
        )
    return Score(
        abs_error=abs(actual - middle),
        naive_abs_error=abs(actual - truth.last_close),
        in_band_50=lower <= actual <= upper,
        in_band_90=low <= actual <= high,
        z=z,
        pinball=own,
        naive_pinball=naive,
    )


def lesson(truth: Truth, scored: Score) -> Learned | None:
    """Return what guard and calibration learn of it; None if nothing.

    Not from a doubted close, not from bands that an expired model lent, and from each forecast
    once: what a repair changes later, they have long published without.
    """
    is_whole = scored.z is not None and truth.raw_z is not None and truth.sigma is not None
    if not is_whole or truth.is_fallback or not truth.is_first:
        return None
    assert scored.z is not None
    assert truth.raw_z is not None
    assert truth.sigma is not None
    return Learned(truth.as_of_open_time_ms, truth.raw_z, truth.is_guarded, truth.sigma, scored.z)


def in_order(truths: Iterable[Truth]) -> list[Truth]:
    """Return them in the order in which they are learned: by target hour, then symbol."""
    return sorted(truths, key=lambda truth: (truth.target_open_time_ms, truth.symbol))
