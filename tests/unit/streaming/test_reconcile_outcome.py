"""Outcomes of parts, added up; of many findings only the first are listed."""

from __future__ import annotations

import pytest

from conf.names import HOUR_MS
from streaming.reconcile.outcome import MOST_LISTED, Finding, Outcome, Remark, State, Tally

pytestmark = pytest.mark.unit

STORES = ("postgres", "topic")


def outcome(*findings: Finding, equal: int = 0) -> Outcome:
    found = Outcome.of(("BTCUSDT",), STORES)
    for finding in findings:
        found.note(finding)
    for tally in found.tallies.values():
        tally.expected = tally.equal = equal
    return found


def finding(hour: int, store: str = "topic", state: State = State.MISSING) -> Finding:
    return Finding("BTCUSDT", hour * HOUR_MS, store, state, "no candle")


def test_parts_add_up_whatever_their_order() -> None:
    total = Outcome.of(("BTCUSDT",), STORES)
    assert total.is_green
    late, early = outcome(finding(9), finding(8), equal=3), outcome(finding(1, "postgres"), equal=4)
    late.remarks.append(Remark("BTCUSDT", 9 * HOUR_MS, "disputed"))
    early.remarks.append(Remark("BTCUSDT", HOUR_MS, "disputed"))
    for part in (late, early):
        total.add(part)
    total.sort()
    assert total.tallies["BTCUSDT", "topic"] == Tally(expected=7, equal=7, missing=2)
    assert total.tallies["BTCUSDT", "postgres"] == Tally(expected=7, equal=7, missing=1)
    assert [one.open_time_ms // HOUR_MS for one in total.findings] == [1, 8, 9]
    assert [one.open_time_ms // HOUR_MS for one in total.remarks] == [1, 9]
    assert total.differing == {HOUR_MS, 8 * HOUR_MS, 9 * HOUR_MS}
    assert not total.is_green
    assert total.wrong == 3


def test_what_is_not_listed_is_counted_all_the_same() -> None:
    half = MOST_LISTED // 2 + 7
    total = Outcome.of(("BTCUSDT",), STORES)
    for begin in (0, half):
        total.add(outcome(*(finding(begin + n) for n in range(half))))
    assert len(total.findings) == MOST_LISTED
    assert total.wrong == total.tallies["BTCUSDT", "topic"].missing == 2 * half
    assert len(total.differing) == 2 * half
    alone = outcome(*(finding(n) for n in range(MOST_LISTED + 5)))
    assert (len(alone.findings), alone.wrong) == (MOST_LISTED, MOST_LISTED + 5)
