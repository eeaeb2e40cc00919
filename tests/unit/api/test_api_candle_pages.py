"""When a range of candles is one page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.params import CandleQuery
from api.queries.candles import _is_one_page

pytestmark = pytest.mark.unit

START = datetime(2026, 1, 1, tzinfo=UTC)
minutes = st.integers(0, 600)


def query(first: int, end: int, limit: int) -> CandleQuery:
    times = {
        "from": (START + timedelta(minutes=first)).isoformat(),
        "until": (START + timedelta(minutes=end)).isoformat(),
    }
    return CandleQuery.model_validate({"symbol": "BTCUSDT", "limit": limit, **times})


@given(minutes, minutes, st.integers(1, 11))
def test_one_page_has_no_more_hours_than_it_may_have(first: int, length: int, limit: int) -> None:
    hours = [hour for hour in range(30) if first <= hour * 60 < first + length]
    if _is_one_page(query(first, first + length, limit)):
        assert len(hours) <= limit


def test_whole_hours_that_just_fit_are_one_page() -> None:
    assert _is_one_page(query(0, 180, 3))
    assert not _is_one_page(query(0, 180, 2))


def test_an_open_range_is_never_known_to_be_one_page() -> None:
    for given_time in ({"from": START.isoformat()}, {"until": START.isoformat()}, {}):
        asked = {"symbol": "BTCUSDT", "limit": 5000, **given_time}
        assert not _is_one_page(CandleQuery.model_validate(asked))
