from __future__ import annotations

import pytest

from conf.contracts.trades import Close, Gap
from conf.names import HOUR_MS
from producers.gaps import Hole, gaps_by_hour, hole_between

pytestmark = pytest.mark.unit

H0 = 1_000 * HOUR_MS
H1, H2, H3 = H0 + HOUR_MS, H0 + 2 * HOUR_MS, H0 + 3 * HOUR_MS


def witness(hour: int, first: int, last: int) -> Close:
    count = 0 if first < 0 else last - first + 1
    return Close(hour, "STREAM", first, last, count)


def declared(hole: Hole, *witnesses: Close) -> list[tuple[int, int, int]]:
    return [(h, g.first_id, g.last_id) for h, g in gaps_by_hour(hole, witnesses, "why")]


def test_inside_one_hour() -> None:
    assert gaps_by_hour(Hole(5, 9, H0, H0), [], "why") == [(H0, Gap(5, 9, "why"))]


def test_without_witness_each_hour_gets_the_whole_hole() -> None:
    assert declared(Hole(5, 9, H0, H2)) == [(H0, 5, 9), (H1, 5, 9), (H2, 5, 9)]


def test_a_witness_cuts_the_hole_at_its_last_id() -> None:
    assert declared(Hole(5, 9, H0, H1), witness(H0, 1, 7)) == [(H0, 5, 7), (H1, 8, 9)]


def test_a_witness_in_the_middle_gets_its_own_ids() -> None:
    assert declared(Hole(5, 20, H0, H2), witness(H1, 8, 12)) == [
        (H0, 5, 7),
        (H1, 8, 12),
        (H2, 13, 20),
    ]


def test_quiet_hours_have_no_gap() -> None:
    assert declared(Hole(5, 9, H0, H2), witness(H1, -1, -1)) == [(H0, 5, 9), (H2, 5, 9)]


def test_an_hour_whose_ids_are_all_there_is_left_alone() -> None:
    assert declared(Hole(5, 9, H0, H1), witness(H0, 1, 4)) == [(H1, 5, 9)]
    assert declared(Hole(5, 9, H0, H1), witness(H1, 10, 12)) == [(H0, 5, 9)]


def test_rest_witness_without_ids_cuts_nothing() -> None:
    assert declared(Hole(5, 9, H0, H1), Close(H0, "REST", trades=3)) == [(H0, 5, 9), (H1, 5, 9)]


def test_every_id_is_covered_by_some_hour() -> None:
    for last in range(5, 25):
        gaps = declared(Hole(5, last, H0, H3), witness(H1, 8, 12), witness(H2, 15, 16))
        covered = {i for _, first, end in gaps for i in range(first, end + 1)}
        assert covered == set(range(5, last + 1))


def test_the_hole_never_reaches_into_closed_hours() -> None:
    hole = hole_between(5, 9, time_before_ms=H0 + 7, time_after_ms=H2 + 1, not_before_ms=H1)
    assert (hole.from_hour_ms, hole.to_hour_ms) == (H1, H2)


def test_times_that_run_backwards_still_give_an_hour() -> None:
    hole = hole_between(5, 9, time_before_ms=H1, time_after_ms=H0, not_before_ms=H1)
    assert declared(hole) == [(H1, 5, 9)]
