"""Where reading a partition begins."""

from __future__ import annotations

import pytest

from streaming.monitor.source import Start, start_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("known", "low", "high", "expected"),
    [
        (None, 0, 0, Start(0)),
        (None, 7, 9, Start(7)),
        (8, 7, 9, Start(8)),
        (9, 7, 9, Start(9)),
        (3, 7, 9, Start(7, lost=4)),
        (10, 0, 9, Start(0, is_other_topic=True)),
    ],
)
def test_reading_begins_after_what_is_stored(
    known: int | None, low: int, high: int, expected: Start
) -> None:
    assert start_of(known, low, high) == expected
