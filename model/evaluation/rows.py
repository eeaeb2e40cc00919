"""All coin-hours of a range as rows: features where the hour is usable, a reason where it is not.

One row per input hour whose close exists. Features are kept for the usable rows of the volatile
coins only; stable coins have a rule of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from conf.names import HOUR_MS
from model.dataset import Windows, network_inputs
from model.evaluation.hours import Hours
from model.evaluation.settings import EvaluationSettings
from model.features import CONTEXT_HOURS, VOLATILITY_HOURS, FeatureSpec, build_rows

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
WEEK_HOURS = 168

Place = Callable[[str, tuple[int, int]], npt.NDArray[np.float32]]
"""Gives room of a shape for the feature of a name."""


@dataclass(frozen=True)
class Rows:
    """Coin-hours, ordered by hour and coin; arrays of one length n unless said otherwise.

    Attributes:
        spec: vocabulary and meaning of the features.
        open_time_ms: of the input hour, UTC epoch ms.
        coin: position in the vocabulary, int32.
        sigma: hourly volatility; NaN with less than 24 valid hours in the last 336.
        close: of the input hour, quote units.
        next_close: of the hour after, NaN where it does not exist.
        z: log(next close / close) / sigma, NaN where not known or one of both hours is bad.
        week_ago: log-return of the target's hour a week before / sigma, NaN where not known.
        reason: why the row is refused; None if it is usable.
        feature: position in `sequence` and `static`, -1 without features.
        sequence: (m, steps × features) float32.
        static: (m, features) float32.
        folder: where the same rows lie as files; None where they are in memory only.
    """

    spec: FeatureSpec
    open_time_ms: npt.NDArray[np.int64]
    coin: npt.NDArray[np.int32]
    sigma: Floats
    close: Floats
    next_close: Floats
    z: Floats
    week_ago: Floats
    reason: npt.NDArray[np.object_]
    feature: npt.NDArray[np.int64]
    sequence: npt.NDArray[np.float32]
    static: npt.NDArray[np.float32]
    folder: Path | None = None

    @property
    def is_stable(self) -> Flags:
        """Which rows are those of stable coins."""
        stable = [self.spec.symbols.index(symbol) for symbol in self.spec.stable]
        return np.isin(self.coin, stable)

    @property
    def is_usable(self) -> Flags:
        """Which rows are not refused."""
        return np.array([reason is None for reason in self.reason], dtype=bool)

    def between(self, from_ms: int, until_ms: int) -> Flags:
        """Tell which input hours open at `from_ms` or later and before `until_ms`."""
        return (self.open_time_ms >= from_ms) & (self.open_time_ms < until_ms)

    def windows(self, chosen: npt.NDArray[np.int64], *, with_targets: bool) -> Windows:
        """Return rows with features as a forecaster takes them.

        Args:
            chosen: positions of rows that have features.
            with_targets: False leaves z unknown, so that scoring cannot look at it.
        """
        feature = self.feature[chosen]
        unknown = np.full(len(chosen), np.nan)
        return Windows(
            symbols=np.array(self.spec.symbols, dtype=object)[self.coin[chosen]],
            open_time_ms=self.open_time_ms[chosen],
            inputs=network_inputs(
                self.sequence[feature], self.static[feature], self.coin[chosen], self.spec
            ),
            sigma=self.sigma[chosen],
            last_close=self.close[chosen],
            z=self.z[chosen] if with_targets else unknown,
            week_ago=self.week_ago[chosen],
        )


@dataclass
class _Made:
    """Rows so far; the features have their place from the start: a second copy would not fit."""

    sequence: npt.NDArray[np.float32]
    static: npt.NDArray[np.float32]
    frames: list[pd.DataFrame] = field(default_factory=list)
    count: int = 0

    def add(self, frame: pd.DataFrame, spec: FeatureSpec) -> None:
        usable = frame["is_usable"].to_numpy(dtype=bool)
        featured = usable & ~frame["symbol"].isin(spec.stable).to_numpy()
        until = self.count + int(featured.sum())
        for row, position in enumerate(np.flatnonzero(featured), self.count):
            self.sequence[row] = frame["sequence"].iat[position]
            self.static[row] = frame["static"].iat[position]
        numbers = frame[["open_time_ms", "coin", "sigma", "close", "next_close", "week_ago"]]
        self.frames.append(
            numbers.assign(
                z=frame["target_z"],
                reason=frame["reason"].where(~usable, None),
                feature=np.where(featured, self.count + np.cumsum(featured) - 1, -1),
            )
        )
        self.count = until

    def rows(self, spec: FeatureSpec) -> Rows:
        frame = pd.concat(self.frames, ignore_index=True)
        return Rows(
            spec=spec,
            open_time_ms=frame["open_time_ms"].to_numpy(dtype=np.int64),
            coin=frame["coin"].to_numpy(dtype=np.int32),
            sigma=frame["sigma"].to_numpy(dtype=np.float64),
            close=frame["close"].to_numpy(dtype=np.float64),
            next_close=frame["next_close"].to_numpy(dtype=np.float64),
            z=frame["z"].to_numpy(dtype=np.float64),
            week_ago=(frame["week_ago"] / frame["sigma"]).to_numpy(dtype=np.float64),
            reason=frame["reason"].to_numpy(dtype=object),
            feature=frame["feature"].to_numpy(dtype=np.int64),
            sequence=self.sequence[: self.count],
            static=self.static[: self.count],
        )


def _in_memory(_name: str, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    return np.empty(shape, dtype=np.float32)


def make_rows(
    hours: Hours,
    from_ms: int,
    until_ms: int,
    settings: EvaluationSettings,
    on_hours: Callable[[int], None] = lambda _: None,
    place: Place = _in_memory,
) -> Rows:
    """Make the rows of all input hours from `from_ms` to before `until_ms`.

    Args:
        hours: candles of all coins.
        from_ms: UTC epoch ms of a full hour.
        until_ms: likewise; hours after the data's end are left out.
        settings: chunk size, stable coins, lead.
        on_hours: told how many hours are done after each chunk.
        place: where the features are put; the result holds as many rows of it as there are.
    """
    stable = tuple(s for s in settings.stable_symbols if s in hours.symbols)
    spec = FeatureSpec(hours.symbols, settings.lead_symbol, stable, settings.exogenous)
    until_ms = min(until_ms, hours.last_ms + HOUR_MS)
    closes = _closes(hours, hours.panel, from_ms, until_ms)
    kept = np.isfinite(closes[:-1])
    featured = int(kept[:, [symbol not in stable for symbol in spec.symbols]].sum())
    week_ago = _week_ago(hours, from_ms, until_ms)
    made = _Made(
        place("sequence", (featured, CONTEXT_HOURS * spec.sequence_width)),
        place("static", (featured, spec.static_width)),
    )
    for start in range(from_ms, until_ms, settings.chunk_hours * HOUR_MS):
        stop = min(start + settings.chunk_hours * HOUR_MS, until_ms)
        first, last = (start - from_ms) // HOUR_MS, (stop - from_ms) // HOUR_MS
        panel = _slice(hours.panel, start - VOLATILITY_HOURS * HOUR_MS, stop + HOUR_MS)
        frame = build_rows(panel, spec.symbols, range(start, stop, HOUR_MS), spec=spec)
        frame["close"] = closes[first:last].ravel()
        frame["next_close"] = closes[first + 1 : last + 1].ravel()
        frame["week_ago"] = week_ago[first:last].ravel()
        made.add(frame[frame["close"].notna()], spec)
        on_hours(last)
    return made.rows(spec)


def _slice(panel: pd.DataFrame, from_ms: int, until_ms: int) -> pd.DataFrame:
    first, last = np.searchsorted(panel["open_time_ms"].to_numpy(), [from_ms, until_ms])
    return panel.iloc[first:last]


def _closes(hours: Hours, panel: pd.DataFrame, from_ms: int, until_ms: int) -> Floats:
    """Return closes (hour, coin) with one hour more at the end; NaN where there is none."""
    count = max((until_ms - from_ms) // HOUR_MS, 0) + 1
    closes = np.full((count, len(hours.symbols)), np.nan)
    hour = (panel["open_time_ms"].to_numpy() - from_ms) // HOUR_MS
    close = panel["close"].to_numpy()
    kept = (hour >= 0) & (hour < count) & np.isfinite(close) & (close > 0)
    coin = pd.Index(hours.symbols).get_indexer(pd.Index(panel["symbol"]))
    closes[hour[kept], coin[kept]] = close[kept]
    return closes


def _week_ago(hours: Hours, from_ms: int, until_ms: int) -> Floats:
    """Return log-returns (hour, coin) of the hours a week before the targets; NaN where unknown."""
    week = WEEK_HOURS * HOUR_MS
    valid = hours.panel[hours.panel["is_valid"]]
    steps: Floats = np.diff(np.log(_closes(hours, valid, from_ms - week, until_ms - week)), axis=0)
    return steps
