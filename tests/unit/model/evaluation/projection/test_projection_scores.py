"""The fan's scores: what is known beforehand of fans that are right, too narrow or shifted."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from conf.names import DAY_MS
from model.evaluation.projection.scores import (
    FAN,
    PAPER,
    WALK,
    curve,
    forecasts,
    independent_windows,
    score,
    skill_interval,
)
from model.evaluation.projection.walk import Projected
from model.projection.settings import LEVELS

pytestmark = pytest.mark.unit

NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
SIGMA = np.array([0.02, 0.05, 0.0005])


def made_up(
    origins: int = 400, horizon: int = 30, width: float = 1.0, walk_width: float = 1.0
) -> Projected:
    """Return normal moves of two volatile coins and a stable one, and bands as multiples of the truth."""
    rng = np.random.default_rng(0)
    root = np.sqrt(np.arange(1, horizon + 1))
    truth = SIGMA[:, None, None] * root[:, None] * NORMAL
    moves = SIGMA[:, None] * rng.standard_normal((origins, 3, horizon)) * root
    last = np.tile([100.0, 5.0, 1.0], (origins, 1))
    one = np.ones((origins, 1, 1, 1))
    return Projected(
        ("AAAUSDT", "BTCUSDT", "USDCUSDT"),
        ("USDCUSDT",),
        19_000 + 7 * np.arange(origins),
        last,
        np.full((origins, 3), "simulated", dtype=object),
        last[..., None, None] * np.exp(width * truth) * one,
        last[..., None, None] * np.exp(walk_width * truth) * one,
        np.repeat(last[..., None], horizon, axis=2) * 1.1,
        np.ones((origins, 3, horizon, 1)),
        last[..., None] * np.exp(moves),
        1,
    )


def test_the_right_bands_cover_as_they_say() -> None:
    figures = score(made_up(), 7)
    assert figures is not None
    assert figures["rows"] == 800
    assert figures["origins"] == figures["windows"] == 400
    assert figures[FAN]["coverage_50"] == pytest.approx(0.5, abs=0.04)
    assert figures[FAN]["coverage_90"] == pytest.approx(0.9, abs=0.03)
    assert figures[FAN]["pinball_skill"] == 0
    assert figures[WALK]["pinball_skill"] == 0
    assert figures[FAN]["rmae"] == pytest.approx(1)
    assert figures[FAN]["width_90"] == pytest.approx(1)
    assert list(figures["by_coin"]) == ["AAAUSDT", "BTCUSDT"]
    assert figures["by_coin"]["BTCUSDT"]["rows"] == 400


@pytest.mark.parametrize("wrong", [0.5, 2.0])
def test_bands_that_are_right_beat_wrong_ones(wrong: float) -> None:
    better, worse = (
        score(made_up(width=own, walk_width=walks), 7)
        for own, walks in ((1.0, wrong), (wrong, 1.0))
    )
    assert better is not None
    assert worse is not None
    assert better[FAN]["pinball_skill"] > 0.03
    assert worse[FAN]["pinball_skill"] < -0.03
    low, high = better[FAN]["pinball_skill_interval"]
    assert 0 < low < better[FAN]["pinball_skill"] < high


def test_stable_coins_are_apart() -> None:
    figures = score(made_up(), 7, stable=True)
    assert figures is not None
    assert list(figures["by_coin"]) == ["USDCUSDT"]
    assert figures[PAPER] is None or figures["rows"] == 400


def test_the_papers_model_is_taken_against_the_last_close() -> None:
    figures = score(made_up(), 1)
    assert figures is not None
    assert figures[PAPER]["rmae"] > 2  # a tenth too high, where a day moves by two to five percent
    assert figures[PAPER]["rows"] == 800


def test_rows_without_an_outcome_count_nowhere() -> None:
    projected = made_up(origins=20)
    projected.actual[10:, :, 6] = np.nan
    projected.last_close[:4, 0] = np.nan
    found = forecasts(projected, FAN, 7)
    assert found is not None
    assert np.bincount(found.outcomes.coin).tolist() == [6, 10]
    projected.actual[:, :, 6] = np.nan
    assert score(projected, 7) is None
    assert [point["horizon_days"] for point in curve(projected)] == [*range(1, 7), *range(8, 31)]


def test_windows_that_overlap_are_no_windows_of_their_own() -> None:
    origin_ms = DAY_MS * (19_000 + 7 * np.arange(53))
    assert [independent_windows(origin_ms, days) for days in (1, 7, 8, 30, 180, 400)] == [
        *(53, 53, 46, 13, 3, 1)
    ]


def test_too_few_windows_have_no_interval() -> None:
    few = made_up(origins=9)
    found = forecasts(few, FAN, 30)
    assert found is not None
    assert np.isfinite(skill_interval(found, 28)).all()
    assert np.isnan(skill_interval(found, 30)).all()


def test_longer_windows_have_wider_intervals() -> None:
    """Neighbouring origins that share their days must not count as so many proofs."""
    rng = np.random.default_rng(5)
    projected = made_up(width=1.2)
    level = np.repeat(rng.standard_normal(100), 4)[:, None]
    projected.actual[:, :, 27] = projected.last_close * np.exp(SIGMA * level * np.sqrt(28))
    found = forecasts(projected, FAN, 28)
    assert found is not None
    ends = [skill_interval(found, days) for days in (7, 28)]
    assert ends[1][1] - ends[1][0] > 1.4 * (ends[0][1] - ends[0][0])
