"""The calendar that history is loaded by."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.names import DAY_MS, epoch_ms
from streaming.history.months import (
    FIRST_MS,
    Part,
    days_of,
    month_of,
    months_between,
    parse_bound,
)

pytestmark = pytest.mark.unit


def at(*numbers: int) -> int:
    return epoch_ms(datetime(*numbers, tzinfo=UTC))  # type: ignore[misc,arg-type]  # year, month, day


@given(st.integers(FIRST_MS, at(2100, 1, 1)), st.integers(0, 400 * DAY_MS))
def test_months_cover_a_range_without_a_seam(start_ms: int, length_ms: int) -> None:
    months = months_between(start_ms, start_ms + length_ms)
    if not length_ms:
        assert months == []
        return
    assert months[0].start_ms <= start_ms < months[0].end_ms
    assert months[-1].start_ms < start_ms + length_ms <= months[-1].end_ms
    for before, after in pairwise(months):
        assert before.end_ms == after.start_ms
    for month in months:
        days = days_of(month)
        assert (days[0].start_ms, days[-1].end_ms) == (month.start_ms, month.end_ms)
        assert all(day.end_ms - day.start_ms == DAY_MS for day in days)
        assert all(day.name.startswith(month.name + "-") for day in days)
        assert sum(day.end_ms - day.start_ms for day in days) == month.end_ms - month.start_ms


def test_names() -> None:
    assert month_of(at(2024, 2, 29)) == Part(at(2024, 2, 1), at(2024, 3, 1), "2024-02")
    assert [day.name for day in days_of(month_of(at(2024, 2, 3)))][-1] == "2024-02-29"


@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("2024", at(2024, 1, 1), at(2025, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2024-12", at(2024, 12, 1), at(2025, 1, 1)),
        (" 2024-02-29 ", at(2024, 2, 29), at(2024, 3, 1)),
    ],
)
def test_bounds_of_a_person(text: str, first: int, end: int) -> None:
    assert parse_bound(text, is_end=False) == first
    assert parse_bound(text, is_end=True) == end


@pytest.mark.parametrize(
    "text", ["", "24", "2024-13", "2023-02-29", "2024-1", "2024-01-01T00", "x"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no YYYY"):
        parse_bound(text, is_end=False)
