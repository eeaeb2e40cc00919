"""The verdict for every combination of what can be said of an hour, held against the rule in words."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.candles.verdict import judge, read_hour
from tests.support.candle_records import closing, trade
from tests.support.candle_rows import TRADES, row

pytestmark = pytest.mark.unit

HOLE = [trade(10, "1"), trade(12, "2")]
WRONG = {
    "": {},
    "volume": {"volume": "77"},
    "count": {"trades": 9},
    "last id": {"last_trade_id": 99},
    "close": {"close": 77},
    "incomplete": {"volume": None},
}


class Case(NamedTuple):
    """What the topic holds of an hour; `wrong` is what its witness says otherwise than the trades."""

    trades: str
    witness: str
    begins: bool
    gap: bool
    absent: bool
    changed: bool
    falls: bool
    wrong: str


CASES = [
    Case(*values)
    for values in itertools.product(
        ("none", "whole", "hole"),
        ("STREAM", "REST", "END"),
        *[(False, True)] * 5,
        WRONG,
    )
]


def is_contradicted(case: Case) -> bool:
    """Tell whether the witness says otherwise, as far as it can speak of the same trades."""
    if case.witness == "END":
        return False
    if case.begins:
        # The witness saw more of the hour: only its end can be compared.
        return case.trades != "none" and case.wrong in ("last id", "close")
    if case.trades == "none":
        return case.wrong in ("volume", "count", "incomplete")
    return case.wrong != ""


def wanted(case: Case) -> str:
    """Return the verdict by the words of the rule."""
    is_missing = case.trades == "hole" and not case.absent
    if case.gap or case.changed or case.falls or is_missing or is_contradicted(case):
        return "disputed"
    if case.begins or case.witness == "END":
        return "partial"
    return "quiet" if case.trades == "none" else "complete"


def verdict_of(case: Case) -> tuple[str, str | None]:
    trades = {"none": [], "whole": TRADES, "hole": HOLE}[case.trades]
    begins = 10 if case.begins else None
    changes = WRONG[case.wrong] if case.witness != "END" else {}
    close = closing(trades, witness=case.witness, begins_at_id=begins, **changes)
    fields = {
        "gap_ids": 4 if case.gap else None,
        "absent_ids": 1 if case.absent else None,
        "time_falls": int(case.falls),
    }
    if case.changed:
        fields |= {"w_digest_low": 1, "w_digest_high": 2}
    candle = judge(read_hour(row(trades, [close], **fields)))
    return candle.verdict, candle.reason


def test_every_combination_has_the_verdict_of_the_rule() -> None:
    found = {case: verdict_of(case) for case in CASES}
    assert {case: verdict for case, (verdict, _) in found.items()} == {
        case: wanted(case) for case in CASES
    }
    assert {wanted(case) for case in CASES} == {"complete", "quiet", "partial", "disputed"}


def test_what_is_disputed_or_partial_says_why_and_what_is_quiet_does_not() -> None:
    for case in CASES:
        verdict, reason = verdict_of(case)
        if verdict in ("disputed", "partial"):
            assert reason
        elif verdict == "quiet":
            assert reason is None
        assert ("trade time falls" in (reason or "")) == case.falls
        assert ("gap of" in (reason or "")) == case.gap


@given(st.data())
def test_no_row_of_the_aggregation_is_without_a_verdict(data: st.DataObject) -> None:
    """Whatever 64 bits can hold, in any column that may be null or not."""
    fields = row(TRADES)
    number = st.integers(-(2**63), 2**63 - 1)
    for name in data.draw(st.sets(st.sampled_from(sorted(fields)), max_size=8)):
        if name in ("symbol", "open_time_ms", "trades", "closes", "records"):
            continue
        if name == "w_witness":
            fields[name] = data.draw(st.sampled_from([None, 1, 2, 3]))
        elif name == "time_falls":
            fields[name] = data.draw(st.integers(0, 2**63 - 1))
        else:
            fields[name] = data.draw(st.none() | number)
    assert judge(read_hour(fields)).verdict in ("complete", "quiet", "partial", "disputed")
