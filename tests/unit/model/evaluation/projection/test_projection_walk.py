"""Weekly origins: which there are, what was known, and that nothing later is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from conf.names import DAY_MS
from model.evaluation.projection.random_walk import RandomWalk
from model.evaluation.projection.rows import projection_frame
from model.evaluation.projection.walk import (
    ProjectionError,
    paper_years,
    plan_origins,
    walk,
)
from model.projection.days import Days, make_days
from model.projection.fan import SHORT, SIMULATED, Projector
from model.projection.settings import ProjectionSettings
from tests.support.projection_world import FIRST_DAY, YOUNG, panel, world

pytestmark = pytest.mark.unit

SETTINGS = ProjectionSettings(horizon_days=20, paths=100)
FROM_MS = (FIRST_DAY + 380) * DAY_MS
UNTIL_MS = (FIRST_DAY + 600) * DAY_MS


@pytest.fixture(scope="module")
def days() -> Days:
    return world(days=480)


def test_origins_are_a_week_apart_and_need_the_day_before(days: Days) -> None:
    origins = plan_origins(days, FROM_MS - 1, UNTIL_MS)
    assert origins[0] == FIRST_DAY + 380
    assert set(np.diff(origins)) == {7}
    assert origins[-1] == FIRST_DAY + 478  # 480 would still have its day before, 485 would not
    assert plan_origins(days, (FIRST_DAY + 480) * DAY_MS, UNTIL_MS).tolist() == [FIRST_DAY + 480]
    assert plan_origins(days, FIRST_DAY * DAY_MS, UNTIL_MS)[0] == FIRST_DAY + 7


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "complaint"),
    [
        (FROM_MS + 1, FROM_MS + DAY_MS - 1, "no midnight lies in the range"),
        (FROM_MS, FROM_MS - DAY_MS, "no midnight lies in the range"),
        (UNTIL_MS, UNTIL_MS, "the whole days 2022-01-08 to 2023-05-02: there is no midnight"),
    ],
)
def test_a_range_without_origins_is_refused(
    days: Days, from_ms: int, until_ms: int, complaint: str
) -> None:
    with pytest.raises(ProjectionError, match=complaint):
        plan_origins(days, from_ms, until_ms)


def test_what_came_is_the_close_so_many_days_later(days: Days) -> None:
    origins = plan_origins(days, FROM_MS, UNTIL_MS)
    projected = walk(Projector(days, SETTINGS), origins, 7)
    row, ahead = 3, 9
    at = int(origins[row]) - days.first
    assert projected.last_close[row].tolist() == pytest.approx(days.close[at - 1], nan_ok=True)
    assert projected.actual[row, :, ahead - 1] == pytest.approx(
        days.close[at - 1 + ahead], nan_ok=True
    )
    # the last origin is two days before the end
    assert np.isfinite(projected.actual[-1, 0]).tolist() == [True, True] + [False] * 18


def test_a_young_coin_has_a_fan_from_its_thirtieth_day_on(days: Days) -> None:
    projected = walk(Projector(days, SETTINGS), plan_origins(days, FROM_MS, UNTIL_MS), 7)
    methods = projected.method[:, projected.symbols.index(YOUNG)].tolist()
    first = FIRST_DAY + 480 - 60 + 30
    without = [origin < first for origin in projected.origins]
    assert methods == [None if none else SHORT for none in without]
    assert set(projected.method[:, 0]) == {SIMULATED}


def test_folder_and_folder_cut_give_the_same_rows() -> None:
    """Days planted after the cut are wild; what was said before it is the same to the last bit."""
    hours = panel(days=480)
    cut_ms = (FIRST_DAY + 440) * DAY_MS + 5 * 3_600_000
    wild = hours.copy()
    later = wild["open_time_ms"] >= cut_ms
    wild.loc[later, "close"] *= np.random.default_rng(0).lognormal(0, 1, later.sum())
    frames = []
    for part in (hours, wild, hours[~later]):
        days = make_days(part, sorted(set(hours["symbol"])))
        projected = walk(Projector(days, SETTINGS), plan_origins(days, FROM_MS, UNTIL_MS), 7)
        frames.append(projection_frame(projected))
    cut = pd.Timestamp(cut_ms, unit="ms", tz="UTC")
    told = [frame[frame["origin"] <= cut] for frame in frames]
    assert len(told[2]) == len(frames[2]) > 500
    for other in told[1:]:
        assert told[0].drop(columns="actual_close").equals(other.drop(columns="actual_close"))
    known = told[2]["actual_close"].notna().to_numpy()
    assert 0 < known.sum() < len(known)
    assert (told[0]["actual_close"][known] == told[2]["actual_close"][known]).all()


def test_the_random_walk_is_normal_and_without_drift(days: Days) -> None:
    quantiles = RandomWalk(days).quantiles(FIRST_DAY + 400, np.array([0, 4]), 9)
    last = days.close[399, [0, 4]]
    assert quantiles[:, :, 2] == pytest.approx(np.repeat(last[:, None], 9, axis=1))
    weight = 0.94 ** np.arange(400)[::-1]
    squares = days.move[1:400, 0] ** 2
    sigma = np.sqrt(np.sum(weight[1:] * squares) / weight[1:].sum())
    assert np.log(quantiles[0, 3, 4] / last[0]) == pytest.approx(1.6448536 * sigma * 2)


def test_a_fit_of_the_papers_model_serves_a_year() -> None:
    origins = np.arange(19_000, 19_000 + 800, 7)
    years = paper_years(origins)
    assert [len(rows) for rows in years] == [53, 52, 10]
    assert np.concatenate(years).tolist() == list(range(115))


def test_what_cannot_be_projected_names_its_origin(days: Days) -> None:
    nothing = replace(days, move=np.full_like(days.move, np.nan))
    with pytest.raises(ProjectionError, match="origin 2023-01-23: no two days"):
        walk(Projector(nothing, SETTINGS), plan_origins(days, FROM_MS, UNTIL_MS), 7)
