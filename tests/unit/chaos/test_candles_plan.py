"""The plan of a chaos run of the candles is a function of its seed, and large enough to be a proof."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from conf.settings import CANDLE_ABORT_POINTS, CandleSettings
from tests.chaos.candles.plan import KILLS, KINDS, Step, make_plan

pytestmark = pytest.mark.unit

CLEAN = ("AUSDT", "BUSDT", "CUSDT")
APART = ("XUSDT", "YUSDT")


def plan(seed: int = 1, **options: object) -> list[Step]:
    return make_plan(seed, CLEAN, APART, **options)  # type: ignore[arg-type]  # one test's options


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert plan(5) == plan(5)
    assert plan(5) != plan(6)


@pytest.mark.parametrize("seed", range(5))
def test_a_full_plan_kills_three_times_at_each_point_and_has_every_outage(seed: int) -> None:
    steps = plan(seed)
    points = Counter(kill.point for step in steps for kill in step.kills)
    assert points == dict.fromkeys(CANDLE_ABORT_POINTS, 3)
    assert {step.kind for step in steps} == set(KINDS)
    down = sorted(step.seconds for step in steps if step.kind.startswith("postgres"))
    assert down == [1.0, 1.0, 60.0]


def test_kills_are_settings_that_the_application_takes() -> None:
    for step in plan():
        for kill in step.kills:
            assert CandleSettings(abort_at=kill.setting).abort_at == kill.setting


def test_a_second_writer_and_the_noise_keep_to_their_symbols() -> None:
    for step in plan():
        if step.kind == "second_writer":
            assert step.symbol in APART
        assert {noise.symbol for noise in step.noise} <= set(CLEAN) - {step.symbol}
        is_quiet = step.kind == "late_symbol"
        assert (
            len({noise.kind for noise in step.noise}) == len(step.noise) == (0 if is_quiet else 4)
        )


def test_series_of_kills_are_spread_over_the_run() -> None:
    kinds = [step.kind for step in plan()]
    places = [place for place, kind in enumerate(kinds) if kind == KILLS]
    assert places[0] == 0
    assert max(after - before for before, after in pairwise(places)) <= 4


def test_a_first_look_has_fewer() -> None:
    steps = plan(repeats=1, only=[KILLS, "broker_kill"])
    assert sum(len(step.kills) for step in steps) == len(CANDLE_ABORT_POINTS)
    assert {step.kind for step in steps} == {KILLS, "broker_kill"}
