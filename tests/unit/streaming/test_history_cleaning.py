"""Sorting rows out: nothing is lost, nothing wrong is kept, and the order does not matter."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.contracts.errors import ContractError
from conf.names import HOUR_MS
from streaming.history.cleaning import TEXT_LIMIT, Cleaned, clean, row_text
from streaming.history.klines import hour_of, parse_bar

pytestmark = pytest.mark.unit

START = 1_704_067_200_000
"""2024-01-01."""
HOURS = 6
END = START + HOURS * HOUR_MS
PER_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}


def kline(open_ms: int, unit: str = "ms", **changes: Any) -> list[Any]:
    factor = PER_MS[unit]
    row: list[Any] = [open_ms * factor, "5", "7", "4", "6", "10", (open_ms + HOUR_MS) * factor - 1]
    row += ["55", 3, "4", "22", "0"]
    for position, value in changes.items():
        row[int(position.removeprefix("at_"))] = value
    return row


def sorted_out(rows: list[list[Any]]) -> Cleaned:
    return clean(rows, START, END, parse_bar)


WRONG = {
    "at_0": [START + 1, 0, -1, 10**22, "x", None],
    "at_1": ["8", "3", "NaN", "inf", "0", "1e999", "cheap", "", None],
    "at_2": ["5", "Infinity"],
    "at_3": ["6", "0", "-4"],
    "at_5": ["-1", "NaN", "1e-30", "3"],  # 3: less than takers bought
    "at_6": [START, START + HOUR_MS, "x"],
    "at_7": ["21", "-55"],
    "at_8": [-1, "many", None],
}
good_rows = st.builds(
    lambda hour, unit: kline(START + hour * HOUR_MS, unit),
    st.integers(0, HOURS - 1),
    st.sampled_from(sorted(PER_MS)),
)
other_rows = st.builds(
    lambda hour: kline(START + hour * HOUR_MS, at_4="5.5"), st.integers(0, HOURS - 1)
)
outside_rows = st.sampled_from([kline(START - HOUR_MS), kline(END)])
wrong_rows = st.sampled_from(
    [kline(START, **{place: value}) for place, values in WRONG.items() for value in values]
    + [kline(START)[:9], []]
)
texts = st.lists(st.text(max_size=30), max_size=13)
any_rows = st.one_of(good_rows, other_rows, outside_rows, wrong_rows, texts)


@given(st.lists(any_rows, max_size=30), st.randoms())
def test_every_row_ends_in_one_place_whatever_the_order(
    rows: list[list[Any]], shuffler: random.Random
) -> None:
    result = sorted_out(rows)
    assert len(result.bars) + len(result.rejections) + result.repeated == len(rows)
    hours = [bar.open_time_ms for bar in result.bars]
    assert hours == sorted(set(hours))
    assert all(START <= hour < END for hour in hours)
    positions = [rejection.position for rejection in result.rejections]
    assert positions == sorted(set(positions))
    mixed = list(rows)
    shuffler.shuffle(mixed)
    other = sorted_out(mixed)
    assert other.bars == result.bars
    assert Counter(r.text for r in other.rejections) == Counter(r.text for r in result.rejections)


@given(st.lists(good_rows, min_size=1, max_size=20))
def test_rows_that_agree_are_all_told_by_one(rows: list[list[Any]]) -> None:
    result = sorted_out(rows)
    assert not result.rejections
    assert {bar.open_time_ms for bar in result.bars} == {hour_of(row[0], row[6]) for row in rows}


@given(st.lists(wrong_rows, min_size=1, max_size=5), st.integers(0, 5))
def test_wrong_rows_are_no_witnesses_against_a_good_one(wrong: list[list[Any]], place: int) -> None:
    rows = [*wrong[:place], kline(START), *wrong[place:]]
    result = sorted_out(rows)
    assert [bar.open_time_ms for bar in result.bars] == [START]
    assert len(result.rejections) == len(wrong)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (kline(START + 60_000), "misaligned"),
        (kline(START, at_6=START + HOUR_MS), "wrong close time"),
        (kline(START, at_6=(START + HOUR_MS) * 1_000 - 1), "wrong close time"),
        (kline(START, at_2="5.9"), "high is not the highest"),
        (kline(START, at_3="5.1"), "low is not the lowest"),
        (kline(START, at_3="0"), "not above 0"),
        (kline(START, at_4="nan"), "not finite"),
        (kline(START, at_4="-inf"), "not finite"),
        (kline(START, at_7="1e25"), "out of all bounds"),
        (kline(START, at_5="-10"), "negative"),
        (kline(START, at_8="-3"), "negative"),
        (kline(START, at_9="10.00000001"), "bought by takers"),
        (kline(START, at_10="55.1"), "bought by takers"),
        (kline(START - HOUR_MS), "outside"),
        (kline(END), "outside"),
        (kline(30), "no time"),
        (["open_time"], "no kline"),
    ],
)
def test_the_reason_is_told(row: list[Any], reason: str) -> None:
    (rejection,) = sorted_out([row]).rejections
    assert reason in rejection.reason
    assert "\n" not in rejection.reason


def test_of_two_that_contradict_each_other_none_is_kept() -> None:
    rows = [kline(START), kline(START + HOUR_MS), kline(START, at_4="5.5"), kline(START)]
    result = sorted_out(rows)
    assert [bar.open_time_ms for bar in result.bars] == [START + HOUR_MS]
    assert [rejection.position for rejection in result.rejections] == [0, 2, 3]
    assert all("conflict" in rejection.reason for rejection in result.rejections)


@pytest.mark.parametrize("per_second", [1, 1_000, 1_000_000, 1_000_000_000])
def test_the_unit_shows_in_the_size(per_second: int) -> None:
    first = START // 1000 * per_second
    assert hour_of(first, first + 3600 * per_second - 1) == START
    assert hour_of(first, None) == START
    with pytest.raises(ContractError, match="wrong close"):
        hour_of(first, first + 3600 * per_second)
    with pytest.raises(ContractError, match="misaligned"):
        hour_of(first + 1, None)


@given(st.lists(st.one_of(st.none(), st.integers(), st.text()), max_size=12))
def test_the_text_of_any_row_fits_the_table(row: list[Any]) -> None:
    text = row_text(row)
    assert "\x00" not in text
    assert len(text) <= TEXT_LIMIT
    text.encode()


def test_a_long_or_broken_row_is_bounded() -> None:
    assert len(row_text(["9" * 10_000])) == TEXT_LIMIT
    assert row_text(["a\x00", None, "\ud800"]) == "a\ufffd,,?"
