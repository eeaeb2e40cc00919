"""What may be said of the forecasts, against 'same as the last close'. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import pandas as pd

from streamlit_app.records.forecasts import HourScore, ScoreRow

# About 22 days are needed for t = 2 at the gain that was measured (forecasting notes, power); below
# a week nothing can be told, whatever the figures look like.
HOURS_TO_JUDGE = 168
SIGNIFICANT_T = 2.0
# A stable coin's error is a matter of single ticks: it would only blur the figure of the others.
STABLE_SYMBOLS = ("USDCUSDT",)
# More points than a chart is wide say no more.
MOST_POINTS = 720

DAY = timedelta(days=1)
WINDOWS = {
    "24 hours": DAY,
    "7 days": 7 * DAY,
    "30 days": 30 * DAY,
    "90 days": 90 * DAY,
    "1 year": 365 * DAY,
}
DEFAULT_WINDOW = "30 days"

Opinion = Literal["too_few", "better", "no_better", "worse"]


def opinion(score: ScoreRow | None) -> Opinion:
    """Return what may be said in public about a score."""
    if score is None or score.hours < HOURS_TO_JUDGE:
        return "too_few"
    if score.t is None or abs(score.t) < SIGNIFICANT_T:
        return "no_better"
    return "better" if score.t > 0 else "worse"


def pooled(scores: Sequence[ScoreRow]) -> ScoreRow | None:
    """Return the score of all coins together; None without a forecast that counts."""
    found = next((score for score in scores if score.symbol is None), None)
    return found if found is not None and found.forecasts else None


def running_ratio(hours: Sequence[HourScore]) -> pd.DataFrame:
    """Return (target_open_time, ratio, coverage): all hours up to each hour taken together.

    `ratio` is the model's summed error over that of the last close, `coverage` the share of closes
    inside the 90 % band. Of many hours some are left out, never the last one.
    """
    frame = pd.DataFrame(
        [
            (hour.target_open_time, hour.error, hour.naive_error, hour.inside_90, hour.forecasts)
            for hour in hours
        ],
        columns=["target_open_time", "error", "naive", "inside", "forecasts"],
    )
    sums = frame[["error", "naive", "inside", "forecasts"]].cumsum()
    running = pd.DataFrame(
        {
            "target_open_time": frame["target_open_time"],
            "ratio": sums["error"] / sums["naive"],
            "coverage": sums["inside"] / sums["forecasts"],
        }
    )[sums["naive"] > 0]
    every = max(1, math.ceil(len(running) / MOST_POINTS))
    return running.iloc[::-1].iloc[::every].iloc[::-1].reset_index(drop=True)
