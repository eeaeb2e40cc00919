"""The plan of a chaos run is a function of its seed, and large enough to be a proof."""

from __future__ import annotations

from collections import Counter

import pytest

from conf.producer import ABORT_POINTS
from tests.chaos.producers.kinds import KINDS, Group
from tests.chaos.producers.plan import Fault, make_plan

pytestmark = pytest.mark.unit

SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")


def faults(seed: int = 1) -> list[Fault]:
    return [fault for wave in make_plan(seed, SYMBOLS) for fault in wave.faults]


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert make_plan(5, SYMBOLS) == make_plan(5, SYMBOLS)
    assert make_plan(5, SYMBOLS) != make_plan(6, SYMBOLS)


@pytest.mark.parametrize("seed", range(5))
def test_a_full_plan_has_what_a_proof_needs(seed: int) -> None:
    counts = Counter(fault.kind for fault in faults(seed))
    assert counts == {name: kind.count for name, kind in KINDS.items() if kind.count}
    assert sum(counts.values()) >= 200
    assert len(counts) >= 12
    assert counts["cut"] >= 20
    assert counts["kill"] >= 5
    assert counts["kill_at"] >= 5
    assert counts["broker_term"] + counts["broker_kill"] >= 2
    points = Counter(fault.value("point") for fault in faults(seed) if fault.kind == "kill_at")
    assert points == dict.fromkeys(ABORT_POINTS, 1)


@pytest.mark.parametrize("seed", range(5))
def test_faults_of_a_wave_cannot_be_taken_for_each_other(seed: int) -> None:
    for wave in make_plan(seed, SYMBOLS):
        kinds = [fault.kind for fault in wave.faults]
        symbols = [fault.symbol for fault in wave.faults if fault.symbol is not None]
        assert len(set(kinds)) == len(kinds)
        assert len(set(symbols)) == len(symbols)
        alone = {Group.PROCESS, Group.BROKER, Group.LOAD}
        assert len(kinds) == 1 or not alone & {KINDS[kind].group for kind in kinds}


def test_rest_is_asked_while_it_is_struck() -> None:
    for wave in make_plan(3, SYMBOLS):
        kinds = [fault.kind for fault in wave.faults]
        if KINDS[kinds[0]].group is Group.REST:
            assert kinds[1:] == ["drop"]


def test_messages_are_struck_on_the_given_symbols() -> None:
    for fault in faults():
        needs = KINDS[fault.kind].group in (Group.MESSAGE, Group.LOAD)
        assert (fault.symbol in SYMBOLS) == (needs or fault.kind == "truncated_frame")


def test_a_short_plan_has_fewer_of_each_kind_and_only_the_wanted_ones() -> None:
    plan = make_plan(1, SYMBOLS, minutes=0.7, only=("cut", "drop", "second"))
    counts = Counter(fault.kind for wave in plan for fault in wave.faults)
    assert counts == {"cut": 2, "drop": 4, "second": 1}
