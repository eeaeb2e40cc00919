"""How good the forecasts have been, against 'same as the last close'. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

# About 22 days are needed for t = 2 at the gain that was measured (forecasting notes, power); below
# a week nothing can be told, whatever the figures look like.
HOURS_TO_JUDGE = 168
SIGNIFICANT_T = 2.0
JUDGED_VERDICTS = ("complete", "quiet")
# A stable coin's error is a matter of single ticks: it would only blur the figure of the others.
STABLE_SYMBOLS = ("USDCUSDT",)

Opinion = Literal["too_few", "better", "no_better", "worse"]


@dataclass(frozen=True, slots=True)
class Score:
    """Errors of a set of forecasts: `ratio` < 1 means closer than the last close was.

    `error` and `naive_error` are mean absolute errors relative to the last close. `coverage` is
    the share of closes inside the 90 % band. `t` is the mean gain over its standard error, one
    value per hour (the coins of an hour move together); None below two hours.
    """

    forecasts: int
    hours: int
    error: float
    naive_error: float
    coverage: float
    t: float | None

    @property
    def ratio(self) -> float | None:
        """Return the model's mean error over that of the last close; None if that is zero."""
        return self.error / self.naive_error if self.naive_error else None

    @property
    def coverage_error(self) -> float:
        """Return the standard error of the coverage if the band were right, by hours."""
        return math.sqrt(0.9 * 0.1 / self.hours) if self.hours else math.inf


def usable(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that count: the model's own forecasts of hours whose close is undoubted."""
    return scores[
        ~scores["is_fallback"].astype(bool)
        & scores["verdict"].isin(JUDGED_VERDICTS)
        & (scores["last_close"] > 0)
    ]


def score(rows: pd.DataFrame) -> Score | None:
    """Return the score of usable rows, None of none. One row per symbol and target hour."""
    if rows.empty:
        return None
    error = rows["abs_error"] / rows["last_close"]
    naive = rows["naive_abs_error"] / rows["last_close"]
    gain = (naive - error).groupby(rows["target_open_time"]).mean()
    return Score(
        forecasts=len(rows),
        hours=len(gain),
        error=float(error.mean()),
        naive_error=float(naive.mean()),
        coverage=float(rows["in_band_90"].astype(bool).mean()),
        t=_t_value(gain),
    )


def _t_value(gain: pd.Series[float]) -> float | None:
    if len(gain) < 2:
        return None
    spread = float(gain.std(ddof=1))
    return float(gain.mean()) / (spread / math.sqrt(len(gain))) if spread else None


def opinion(result: Score | None) -> Opinion:
    """Return what may be said in public about a score."""
    if result is None or result.hours < HOURS_TO_JUDGE:
        return "too_few"
    if result.t is None or abs(result.t) < SIGNIFICANT_T:
        return "no_better"
    return "better" if result.t > 0 else "worse"


def by_symbol(rows: pd.DataFrame, order: Sequence[str]) -> dict[str, Score]:
    """Return the score of each symbol that has one, in the order given."""
    found = {symbol: score(rows[rows["symbol"] == symbol]) for symbol in order}
    return {symbol: result for symbol, result in found.items() if result is not None}


def pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the pooled figure is made of: all but the stable coins."""
    return rows[~rows["symbol"].isin(STABLE_SYMBOLS)]


def running_ratio(rows: pd.DataFrame) -> pd.DataFrame:
    """Return (target_open_time, ratio): the error ratio of all hours up to each hour."""
    error = (rows["abs_error"] / rows["last_close"]).groupby(rows["target_open_time"]).sum()
    naive = (rows["naive_abs_error"] / rows["last_close"]).groupby(rows["target_open_time"]).sum()
    total = naive.sort_index().cumsum()
    ratio = (error.sort_index().cumsum() / total)[total > 0]
    return pd.DataFrame({"target_open_time": ratio.index, "ratio": ratio.to_numpy()})
