"""Which bars a range has, what each is called, and which ones a viewer should look at twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlit_app import coin_chart, words
from streamlit_app.coin_chart import Wanted
from streamlit_app.indicators import Chosen
from streamlit_app.intervals import (
    AUTOMATIC,
    COMFORTABLE_BARS,
    DAILY,
    FOUR_HOURS,
    HOURLY,
    INTERVALS,
    MOST_BARS,
    RANGES,
    WEEKLY,
    interval_for,
)
from tests.support.dashboard_records import HOUR, NOON, bar, candle, forecast

pytestmark = pytest.mark.unit

DAY = timedelta(days=1)
FIRST = datetime(2017, 8, 17, 4, 30, tzinfo=UTC)
TIMES = st.integers(0, 12 * 365 * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds))


def wanted(length: timedelta | None, bars: str = AUTOMATIC, chosen: Chosen | None = None) -> Wanted:
    return Wanted("ETHUSDT", length, bars, chosen or Chosen(), ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("name", "interval"),
    [
        ("1 day", HOURLY),
        ("1 month", HOURLY),
        ("3 months", FOUR_HOURS),
        ("1 year", DAILY),
        ("3 years", WEEKLY),
    ],
)
def test_a_range_takes_the_shortest_bars_that_fit(name: str, interval: Any) -> None:
    length = RANGES[name]
    assert length is not None
    assert interval_for(length) == interval
    assert length / interval.step <= COMFORTABLE_BARS


def test_a_viewer_may_ask_for_shorter_bars_within_reason() -> None:
    assert interval_for(90 * DAY, "1 hour") == HOURLY
    assert interval_for(3 * 365 * DAY, "1 hour") == WEEKLY, "26,280 bars would be too many"
    assert interval_for(DAY, "1 week") == WEEKLY


@settings(deadline=None)
@given(st.integers(1, 20 * 365), st.sampled_from([AUTOMATIC, *(i.name for i in INTERVALS)]))
def test_no_range_has_more_bars_than_a_chart_takes(days: int, name: str) -> None:
    assert days * DAY / interval_for(days * DAY, name).step <= MOST_BARS


@settings(deadline=None)
@given(TIMES, st.sampled_from(INTERVALS))
def test_a_bar_holds_its_time(time: datetime, interval: Any) -> None:
    begin = interval.floor(time)
    assert begin <= time < begin + interval.step
    assert interval.floor(begin) == begin


def test_weeks_begin_on_monday() -> None:
    assert WEEKLY.floor(NOON).weekday() == 0


def test_a_span_loads_what_indicators_need_and_shows_the_range() -> None:
    newest = NOON
    oldest = newest - 1000 * HOUR
    span = coin_chart.span_of(oldest, newest, wanted(3 * DAY, chosen=Chosen(("SMA",), 20)))
    assert span.since == newest - 72 * HOUR
    assert span.warm_since == (newest - 92 * HOUR).replace(hour=0), (
        "what is kept begins at midnight"
    )
    assert span.fresh_since == (newest - coin_chart.SETTLED).replace(hour=0)
    assert span.last == newest
    short = coin_chart.span_of(newest - HOUR, newest, wanted(None, chosen=Chosen(("EMA",), 50)))
    assert short.warm_since == short.since == short.fresh_since == newest - HOUR


@settings(deadline=None)
@given(TIMES, st.sampled_from(INTERVALS), st.integers(1, 90))
def test_what_is_kept_of_a_chart_stays_for_a_day(time: datetime, interval: Any, days: int) -> None:
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    oldest = midnight - 400 * DAY
    spans = [
        coin_chart.span_of(oldest, midnight + hour * HOUR, wanted(days * DAY, bars=interval.name))
        for hour in range(24)
    ]
    assert len({span.warm_since for span in spans}) <= 2, "its beginning moves once a day"
    assert len({span.fresh_since for span in spans}) == 1
    for span in spans:
        assert span.warm_since <= span.since
        assert span.fresh_since <= max(span.warm_since, midnight - coin_chart.SETTLED)
        assert span.interval.floor(span.fresh_since) == span.fresh_since


def test_a_first_day_is_no_hole_before_the_first_hour() -> None:
    midnight = NOON.replace(hour=0)
    day = bar(0, open_time=midnight, hours=12, expected=24)
    assert coin_chart.begun_inside(day, NOON).expected == 12
    assert coin_chart.begun_inside(day, midnight) == day
    assert words.bar_state(coin_chart.begun_inside(day, NOON)) == "complete"


@pytest.mark.parametrize(
    ("row", "state", "told"),
    [
        (bar(quiet=1), "quiet", "nobody traded"),
        (bar(partial=1, reason="begins at 12:10"), "partial", "begins at 12:10"),
        (bar(disputed=1, reason="ids 5..9 missing"), "disputed", "ids 5..9 missing"),
        (bar(revised=1, revision=3), "revised", "revision 3"),
        (bar(history=1), "history", "exchange's own"),
        (bar(is_running=True), "running", "provisional"),
        (bar(), "complete", "every trade"),
        (None, "hole", "no candle"),
        (bar(hours=22, expected=24), "incomplete", "22 of 24 hours: 2 missing (a hole)"),
        (bar(hours=24, expected=24, disputed=2, reason="x"), "disputed", "2 disputed; x"),
        (bar(hours=3, expected=24, is_running=True), "running", "provisional, 3 hours so far"),
        (bar(disputed=1, revised=1, revision=2), "disputed", "disputed"),
    ],
)
def test_each_bar_says_what_it_is_and_why(row: Any, state: str, told: str) -> None:
    assert words.bar_state(row) == state
    assert told in words.bar_words(row)


@pytest.mark.parametrize(
    ("row", "odd"),
    [
        (bar(), False),
        (bar(history=1), False),
        (bar(is_running=True), False),
        (bar(quiet=1), True),
        (bar(hours=24, expected=24, quiet=1), False),
        (bar(hours=23, expected=24), True),
        (bar(hours=3, expected=24, is_running=True), False),
        (bar(hours=3, expected=24, is_running=True, disputed=1), True),
        (None, True),
    ],
)
def test_what_to_look_at_twice(row: Any, odd: bool) -> None:
    assert words.is_odd(row) is odd


def test_odd_bars_name_holes_too() -> None:
    found = coin_chart.odd_bars(
        [bar(0), bar(2, disputed=1, reason="count"), bar(3, revised=1, revision=2)],
        (NOON, NOON + 3 * HOUR),
        HOURLY,
    )
    assert [(time - NOON) / HOUR for time, _ in found] == [1, 2, 3]
    assert "hole" in found[0][1]
    assert "count" in found[1][1]
    assert "revision 2" in found[2][1]


def test_a_forecast_is_ahead_until_its_hour_has_closed() -> None:
    assert coin_chart.not_closed(forecast(1), candle(0)) == forecast(1)
    assert coin_chart.not_closed(forecast(1), candle(1)) is None
    assert coin_chart.not_closed(None, candle(1)) is None
    assert coin_chart.not_closed(forecast(0), None) == forecast(0)
