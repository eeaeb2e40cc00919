"""The comparison at the end of a chaos run finds what is missing, doubled, wrong or silent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from conf.contracts.candles import Candle
from conf.names import HOUR_MS
from streaming.reconcile.compare import Figures, Key
from tests.chaos.candles.afterwards import Verdict, judge_stores
from tests.chaos.candles.filtered import filtered_in
from tests.chaos.candles.late import late_problems
from tests.support.candles import a_candle

pytestmark = pytest.mark.unit

HOUR = 1_767_225_600_000
STORES = ("postgres", "parquet", "topic")
CANDLE = a_candle(open_time_ms=HOUR, trades=2, last_trade_id=8)
LATER = replace(CANDLE, open_time_ms=HOUR + HOUR_MS)
DISPUTED = replace(
    CANDLE, trades=3, verdict="disputed", reason="count: 3 trades in a span of 2 ids"
)


def key(candle: Candle) -> Key:
    return (candle.symbol, candle.open_time_ms)


def book(*candles: Candle) -> dict[Key, Figures]:
    names = Figures.__dataclass_fields__.keys() & set(Candle.__slots__)
    return {key(one): Figures(**{name: getattr(one, name) for name in names}) for one in candles}


def judged(
    changed: dict[str, list[Candle]] | None = None,
    *,
    spoilt: tuple[Candle, ...] = (),
    until: Candle = LATER,
) -> Verdict:
    """Return the verdict on two hours that all stores have, but for what is changed."""
    stores = {name: [CANDLE, LATER] for name in STORES} | (changed or {})
    return judge_stores(
        book(CANDLE, LATER), stores, {key(one) for one in spoilt}, until.open_time_ms
    )


def test_equal_stores_are_green() -> None:
    verdict = judged()
    assert verdict.problems == []
    assert verdict.comparison.equal == dict.fromkeys(STORES, 2)
    assert verdict.doubled == dict.fromkeys(STORES, 0)


def test_a_message_that_came_again_is_no_problem() -> None:
    assert judged({"topic": [CANDLE, LATER, CANDLE]}).problems == []


def test_a_missing_hour_is_named() -> None:
    verdict = judged({"parquet": [CANDLE]})
    assert verdict.problems == [f"parquet: BTCUSDT {LATER.open_time_ms} is missing"]
    assert (verdict.missing("parquet"), verdict.missing("topic")) == (1, 0)


def test_an_hour_after_the_last_one_may_be_missing_everywhere_but_not_somewhere() -> None:
    only_first = {name: [CANDLE] for name in STORES}
    assert judged(only_first, until=CANDLE).problems == []
    assert judged({"topic": [CANDLE]}, until=CANDLE).problems != []


def test_a_wrong_digit_is_named() -> None:
    wrong = replace(CANDLE, volume=Decimal("4.00000001"))
    assert any("volume" in line for line in judged({"topic": [wrong, LATER]}).problems)


def test_a_second_revision_of_a_clean_hour_is_a_problem() -> None:
    again = replace(CANDLE, revision=2)
    verdict = judged({name: [CANDLE, again, LATER] for name in STORES})
    assert verdict.doubled == dict.fromkeys(STORES, 1)
    assert any("second revision" in line for line in verdict.problems)


def test_two_contents_under_one_revision_are_a_problem() -> None:
    other = replace(CANDLE, trades=3)
    assert any(
        "two contents" in line for line in judged({"topic": [other, CANDLE, LATER]}).problems
    )


def test_an_older_revision_behind_a_newer_one_is_a_problem() -> None:
    newer = replace(DISPUTED, revision=2)
    stores = {
        "postgres": [CANDLE, newer, LATER],
        "parquet": [CANDLE, newer, LATER],
        "topic": [newer, CANDLE, LATER],
    }
    problems = judged(stores, spoilt=(CANDLE,)).problems
    assert any("compaction" in line for line in problems)


def test_a_spoilt_hour_must_be_disputed_in_all_stores_alike() -> None:
    spoilt = {name: [DISPUTED, LATER] for name in STORES}
    assert judged(spoilt, spoilt=(CANDLE,)).disputed == 1
    assert judged(spoilt, spoilt=(CANDLE,)).problems == []
    assert any("verdict complete" in line for line in judged(spoilt=(CANDLE,)).problems)
    for change in (replace(DISPUTED, trades=4), replace(DISPUTED, reason="gap of 3 ids")):
        problems = judged(spoilt | {"postgres": [change, LATER]}, spoilt=(CANDLE,)).problems
        assert problems != []
    assert any(
        "not in topic" in line
        for line in judged(spoilt | {"topic": [LATER]}, spoilt=(CANDLE,)).problems
    )


def test_filtered_records_are_read_from_a_scrape() -> None:
    name = "nexthour_query_observed_total"
    text = f"""# TYPE {name} counter
{name}{{query="candles",observation="records",name="future"}} 3.0
{name}{{query="candles",observation="records",name="too_old"}} 0.0
{name}{{query="candles",observation="records",name="read"}} 900.0
{name}{{query="archive",observation="records",name="malformed"}} 5.0
"""
    assert filtered_in(text) == {"future": 3}


def test_a_symbol_that_was_held_back_must_be_closed_after_most_others() -> None:
    times = {("A", HOUR): 12_000, ("B", HOUR): 10_000, ("C", HOUR): 10_200, ("D", HOUR): 19_000}
    told, problems = late_problems(times, [("A", HOUR)], 1.0)
    assert told == [f"A {HOUR}: closed 1.8 s after most others"]
    assert problems == []
    assert (
        len(late_problems(times, [("B", HOUR), ("E", HOUR), ("A", LATER.open_time_ms)], 1.0)[1])
        == 3
    )
