"""Features of one hour of one coin: one definition for training, evaluation and serving. Pure.

Every number of the row at hour t is a function of the 336 hours up to t alone, computed by
element-wise operations in a fixed order, so that a batch over years and a single live hour give
equal bits. The unit of returns is the coin's own volatility sigma: a normalised EWMA (half-life
24 h) over exactly the last 336 h; scaled values are clipped to ±8.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from conf.names import HOUR_MS
from model.feature_spec import (
    CLIP,
    CONTEXT_HOURS,
    HALF_LIFE_HOURS,
    MIN_VOLATILITY_HOURS,
    SEQUENCE_NAMES,
    SIGMA_FLOOR,
    STATIC_NAMES,
    VOLATILITY_HOURS,
    VOLUME_HOURS,
    FeatureSpec,
)
from model.grid import Grid, build_grid

__all__ = [
    "CLIP",
    "CONTEXT_HOURS",
    "SEQUENCE_NAMES",
    "STATIC_NAMES",
    "VOLATILITY_HOURS",
    "FeatureSpec",
    "build_rows",
]

_WEIGHTS = tuple(0.5 ** (k / HALF_LIFE_HOURS) for k in range(VOLATILITY_HOURS))
# Tables rather than calls: a vectorised sine may differ in its last bit with the array's length.
_HOUR = np.array(
    [(math.sin(math.tau * h / 24), math.cos(math.tau * h / 24)) for h in range(24)], dtype=float
)
_WEEKDAY = np.array(
    [(math.sin(math.tau * d / 7), math.cos(math.tau * d / 7), float(d >= 5)) for d in range(7)],
    dtype=float,
)
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0

_SUMS = tuple(
    [
        "weighted",
        "weight",
        "count",
        "r2_6",
        "n_6",
        "r2_168",
        "n_168",
        "range2",
        "n_24",
        "m3",
        "m24",
        "m168",
        "v1",
        "v2",
    ]
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Statistics:
    """Figures of (hour, coin) that the row needs beside its sequence; arrays (n, coins)."""

    sigma: Floats
    statics: dict[str, Floats]
    volume_mean: Floats
    volume_deviation: Floats
    contiguous: npt.NDArray[np.bool_]


def build_rows(
    panel: pd.DataFrame,
    symbols: Sequence[str],
    at_ms: Sequence[int],
    *,
    spec: FeatureSpec | None = None,
) -> pd.DataFrame:
    """Return one row per hour and coin, usable or not.

    Args:
        panel: hours of all coins, long: symbol, open_time_ms (UTC epoch ms, int64), open, high,
            low, close, volume (float64), is_valid (False: disputed or halted), and `x_NAME` of the
            spec's exogenous columns. Only the hours from
            336 before to one after each of `at_ms` are looked at; the one after only for `target_z`.
        symbols: coins to make rows of, which are also the vocabulary.
        at_ms: open times of the hours whose close is the last one known.
        spec: vocabulary, lead and stable coins if not the defaults.

    Returns:
        Columns symbol, open_time_ms, coin, sequence (float32, 48 steps × features, oldest first),
        static (float32), sigma (per hour, of log-returns), last_close, mask, feature_hash,
        is_usable, reason, target_z (NaN where the next hour is not known). Ordered by hour, then
        by coin. An unusable row has zeros for features and a reason.

    Raises:
        ValueError: if the panel holds an hour twice or a time that opens no hour.
    """
    spec = spec or FeatureSpec(tuple(symbols))
    if tuple(symbols) != spec.symbols:
        message = f"symbols {tuple(symbols)} are not the vocabulary {spec.symbols}"
        raise ValueError(message)
    at = np.asarray(list(at_ms), dtype=np.int64)
    grid = build_grid(panel, spec.symbols, at, VOLATILITY_HOURS, spec.exogenous)
    statistics = _statistics(grid, spec)
    sequence = _sequences(grid, statistics, spec)
    static = _statics(grid, statistics, spec)
    return _frame(grid, statistics, sequence, static, spec)


def _statistics(grid: Grid, spec: FeatureSpec) -> _Statistics:
    shape = (len(grid.rows), len(spec.symbols))
    total = {name: np.zeros(shape) for name in _SUMS}
    contiguous = np.ones(shape, dtype=bool)
    for lag, weight in enumerate(_WEIGHTS):
        rows = grid.rows - lag
        known, r = grid.known[rows], grid.returns[rows]
        r2 = r * r
        total["weighted"] += weight * r2
        total["weight"] += weight * known
        total["count"] += known
        if lag < VOLUME_HOURS:
            _add_short(total, lag, known, r, r2, grid.ranges[rows], grid.volumes[rows])
        if lag < CONTEXT_HOURS:
            contiguous &= grid.valid[rows]
    sigma = np.maximum(_root(total["weighted"], total["weight"]), SIGMA_FLOOR)
    sigma[total["count"] < MIN_VOLATILITY_HOURS] = np.nan
    mean = _ratio(total["v1"], total["n_168"])
    variance = np.maximum(_ratio(total["v2"], total["n_168"]) - mean * mean, 0.0)
    statics = {
        "volatility_6h": _root(total["r2_6"], total["n_6"]) / sigma - 1.0,
        "volatility_168h": _root(total["r2_168"], total["n_168"]) / sigma - 1.0,
        "parkinson_24h": _root(total["range2"], total["n_24"]) / sigma - 1.0,
        "momentum_3h": total["m3"] / (sigma * math.sqrt(3)),
        "momentum_24h": total["m24"] / (sigma * math.sqrt(24)),
        "momentum_168h": total["m168"] / (sigma * math.sqrt(168)),
    }
    statics["relative_strength_24h"] = statics["momentum_24h"] - _market(
        statics["momentum_24h"], grid.valid[grid.rows], spec
    )
    return _Statistics(sigma, statics, mean, np.sqrt(variance), contiguous)


def _add_short(
    total: dict[str, Floats],
    lag: int,
    known: Floats,
    r: Floats,
    r2: Floats,
    span: Floats,
    volume: Floats,
) -> None:
    """Add one lag to the sums over 3, 6, 24 and 168 hours."""
    total["r2_168"] += r2
    total["n_168"] += known
    total["m168"] += r
    total["v1"] += volume
    total["v2"] += volume * volume
    if lag < 24:
        total["range2"] += span * span / (4.0 * math.log(2.0))
        total["n_24"] += known
        total["m24"] += r
    if lag < 6:
        total["r2_6"] += r2
        total["n_6"] += known
    if lag < 3:
        total["m3"] += r


def _ratio(total: Floats, count: Floats) -> Floats:
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)


def _root(total: Floats, count: Floats) -> Floats:
    return np.sqrt(_ratio(total, count))


def _market(scaled: Floats, present: npt.NDArray[np.bool_], spec: FeatureSpec) -> Floats:
    """Return the mean over the volatile coins that are there, as a column; 0 if none is."""
    total = np.zeros((scaled.shape[0], 1))
    count = np.zeros((scaled.shape[0], 1))
    for coin, symbol in enumerate(spec.symbols):  # a fixed order of additions: equal bits
        if symbol not in spec.stable:
            there = present[:, coin : coin + 1] & np.isfinite(scaled[:, coin : coin + 1])
            total += np.where(there, scaled[:, coin : coin + 1], 0.0)
            count += there
    return _ratio(total, count)


def _clipped(values: Floats) -> npt.NDArray[np.float32]:
    clean = np.where(np.isfinite(values), values, 0.0)
    return np.clip(clean, -CLIP, CLIP).astype(np.float32)


def _sequences(grid: Grid, known: _Statistics, spec: FeatureSpec) -> npt.NDArray[np.float32]:
    """Return (hours, coins, steps, features)."""
    hours, coins = known.sigma.shape
    volatile = max(sum(symbol not in spec.stable for symbol in spec.symbols), 1)
    lead = spec.symbols.index(spec.lead) if spec.lead in spec.symbols else None
    deviation = np.where(known.volume_deviation > 0, known.volume_deviation, np.inf)
    out = np.zeros((hours, coins, CONTEXT_HOURS, spec.sequence_width), dtype=np.float32)
    for step in range(CONTEXT_HOURS):
        rows = grid.rows - (CONTEXT_HOURS - 1 - step)
        there = grid.valid[rows] & np.isfinite(known.sigma)
        scaled = np.where(there, grid.returns[rows] / known.sigma, 0.0)
        breadth = np.zeros((hours, 1))
        for coin, symbol in enumerate(spec.symbols):
            if symbol not in spec.stable:
                breadth += there[:, coin : coin + 1]
        led = np.zeros((hours, 1)) if lead is None else scaled[:, lead : lead + 1]
        led_there = np.zeros((hours, 1)) if lead is None else there[:, lead : lead + 1] * 1.0
        time = _HOUR[grid.hour_of_day[rows]]
        volume = (grid.volumes[rows] - known.volume_mean) / deviation
        columns = (
            scaled,
            _market(scaled, there, spec),
            led,
            led_there,
            breadth / volatile,
            grid.ranges[rows] / known.sigma,
            grid.locations[rows],
            np.where(grid.known[rows] > 0, volume, 0.0),
            time[:, :1],
            time[:, 1:],
        )
        for index, values in enumerate(columns):
            out[:, :, step, index] = _clipped(np.broadcast_to(values, (hours, coins)))
    return out


def _statics(grid: Grid, known: _Statistics, spec: FeatureSpec) -> npt.NDArray[np.float32]:
    """Return (hours, coins, static features)."""
    hours, coins = known.sigma.shape
    target = grid.open_ms[grid.rows] + HOUR_MS
    weekday = (target // (24 * HOUR_MS) + _EPOCH_WEEKDAY) % 7
    calendar = np.concatenate([_HOUR[(target // HOUR_MS) % 24], _WEEKDAY[weekday]], axis=1)
    out = np.zeros((hours, coins, spec.static_width), dtype=np.float32)
    for index, name in enumerate(STATIC_NAMES):
        if name in known.statics:
            out[:, :, index] = _clipped(known.statics[name])
    first = len(known.statics)
    out[:, :, first : len(STATIC_NAMES)] = _clipped(calendar)[:, None, :]
    for number, name in enumerate(spec.exogenous):
        scaled, known_now = _exogenous(grid, grid.exogenous[name])
        out[:, :, len(STATIC_NAMES) + 2 * number] = _clipped(scaled)
        out[:, :, len(STATIC_NAMES) + 2 * number + 1] = known_now
    there = grid.valid[grid.rows] & np.isfinite(known.sigma)
    latest = np.where(there, grid.returns[grid.rows] / known.sigma, 0.0)
    out[:, :, spec.own_width : spec.own_width + coins] = _clipped(latest)[:, None, :]
    out[:, :, spec.own_width + coins :] = there.astype(np.float32)[:, None, :]
    return out


def _exogenous(grid: Grid, values: Floats) -> tuple[Floats, Floats]:
    """Return a column in deviations from its mean over the last 336 h, and where it has a value.

    0 where it has none now, or never moved.
    """
    now = values[grid.rows]
    is_known = np.isfinite(now)
    total, squares, count = (np.zeros(now.shape) for _ in range(3))
    for lag in range(VOLATILITY_HOURS):  # a fixed order of additions: equal bits
        # Distances from the present value: sums of large numbers would leave nothing of small moves.
        distance = values[grid.rows - lag] - now
        there = np.isfinite(distance)
        distance = np.where(there, distance, 0.0)
        total += distance
        squares += distance * distance
        count += there
    mean = _ratio(total, count)
    deviation = np.sqrt(np.maximum(_ratio(squares, count) - mean * mean, 0.0))
    scaled = np.divide(-mean, deviation, out=np.zeros_like(mean), where=deviation > 0)
    return scaled, is_known.astype(np.float64)


def _reason(grid: Grid, row: int, coin: int) -> str:
    if not grid.present[row, coin]:
        return "input hour absent"
    if not grid.valid[row, coin]:
        return "input hour disputed"
    earlier = grid.valid[row - VOLATILITY_HOURS : row - CONTEXT_HOURS + 1, coin]
    return "gap in the last 48 hours" if earlier.any() else "short history"


def _frame(
    grid: Grid,
    known: _Statistics,
    sequence: npt.NDArray[np.float32],
    static: npt.NDArray[np.float32],
    spec: FeatureSpec,
) -> pd.DataFrame:
    hours, coins = known.sigma.shape
    usable = known.contiguous & np.isfinite(known.sigma)
    sequence[~usable] = 0.0
    static[~usable] = 0.0
    there = grid.valid[grid.rows] & np.isfinite(known.sigma)
    masks = ["".join("1" if flag else "0" for flag in row) for row in there]
    close = np.where(grid.valid[grid.rows], grid.close[grid.rows], np.nan)
    both = grid.valid[grid.rows] & grid.valid[grid.rows + 1]
    step = grid.log_close[grid.rows + 1] - grid.log_close[grid.rows]
    target = np.where(both, step / known.sigma, np.nan)
    open_ms = grid.open_ms[grid.rows]
    sequences = sequence.reshape(hours * coins, -1)
    statics = static.reshape(hours * coins, -1)
    hashes = [
        _hash(sequences[i], statics[i], float(known.sigma.flat[i]), float(close.flat[i]))
        for i in range(hours * coins)
    ]
    reasons = [
        None if usable[i, c] else _reason(grid, int(grid.rows[i]), c)
        for i in range(hours)
        for c in range(coins)
    ]
    return pd.DataFrame(
        {
            "symbol": list(spec.symbols) * hours,
            "open_time_ms": np.repeat(open_ms, coins),
            "coin": np.tile(np.arange(coins, dtype=np.int32), hours),
            "sequence": list(sequences),
            "static": list(statics),
            "sigma": known.sigma.ravel(),
            "last_close": close.ravel(),
            "mask": [mask for mask in masks for _ in range(coins)],
            "feature_hash": hashes,
            "is_usable": usable.ravel(),
            "reason": pd.Series(reasons, dtype=object),
            "target_z": target.ravel(),
        }
    )


def _hash(
    sequence: npt.NDArray[np.float32], static: npt.NDArray[np.float32], sigma: float, close: float
) -> str:
    digest = hashlib.sha256(sequence.tobytes())
    digest.update(static.tobytes())
    digest.update(np.array([sigma, close]).tobytes())
    return digest.hexdigest()[:16]
