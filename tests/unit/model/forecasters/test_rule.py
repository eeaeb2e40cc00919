from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from conf.names import HOUR_MS
from model.dataset import Windows
from model.forecasters.rule import ReversalRule, SeasonalNaive, WeeklyNaive
from model.metrics import relative_mae

pytestmark = pytest.mark.unit


def steps(panel: pd.DataFrame, symbol: str) -> pd.Series:
    hours = panel[panel["symbol"] == symbol].set_index("open_time_ms")
    return np.log(hours["close"]).diff()


def test_the_rule_goes_against_the_last_three_hours(
    training: Windows, later: Windows, panel: pd.DataFrame
) -> None:
    median = ReversalRule().fit(training, later, 0).quantiles(later)[:, 2]
    for row in range(0, len(later.z), 11):
        at = int(later.open_time_ms[row])
        moves = steps(panel, later.symbols[row])
        moved = sum(moves[at - lag * HOUR_MS] for lag in range(3))
        momentum = moved / (later.sigma[row] * np.sqrt(3))
        assert median[row] == pytest.approx(-0.05 * np.clip(momentum, -3, 3), rel=1e-5, abs=1e-9)
    assert np.abs(median).max() == pytest.approx(0.15)  # some row was clipped


def test_the_rule_beats_the_last_close_where_moves_reverse(
    training: Windows, later: Windows
) -> None:
    median = ReversalRule().fit(training, later, 0).quantiles(later)[:, 2]
    assert relative_mae(later.z, median, np.zeros_like(median)) < 0.995


def test_seasonal_naive_is_the_targets_hour_of_yesterday(
    training: Windows, later: Windows, panel: pd.DataFrame
) -> None:
    median = SeasonalNaive().fit(training, later, 0).quantiles(later)[:, 2]
    for row in (0, 100, 700):
        target = int(later.open_time_ms[row]) + HOUR_MS
        step = steps(panel, later.symbols[row])[target - 24 * HOUR_MS]
        assert median[row] == pytest.approx(np.clip(step / later.sigma[row], -8, 8), rel=1e-5)


def test_weekly_naive_is_the_targets_hour_of_the_week_before(
    training: Windows, later: Windows, panel: pd.DataFrame
) -> None:
    median = WeeklyNaive().fit(training, later, 0).quantiles(later)[:, 2]
    for row in (0, 100, 700):
        target = int(later.open_time_ms[row]) + HOUR_MS
        step = steps(panel, later.symbols[row])[target - 168 * HOUR_MS]
        assert median[row] == pytest.approx(np.clip(step / later.sigma[row], -8, 8), rel=1e-9)


def test_a_week_before_that_is_not_known_is_no_move(training: Windows, later: Windows) -> None:
    assert later.week_ago is not None
    holed = replace(later, week_ago=np.where(np.arange(len(later.z)) % 2, np.nan, later.week_ago))
    median = WeeklyNaive().fit(training, later, 0).quantiles(holed)[:, 2]
    assert (median[1::2] == 0).all()
    assert (median[::2] != 0).mean() > 0.9
    with pytest.raises(ValueError, match="do not know the week before"):
        WeeklyNaive().fit(replace(training, week_ago=None), later, 0)
