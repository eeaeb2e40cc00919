from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from streamlit_app import formatting as f

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("tick", "decimals"),
    [("0.01", 2), ("0.01000000", 2), ("0.00001", 5), ("1", 0), ("10", 0), ("0.5", 1)],
)
def test_tick_tells_the_decimals(tick: str, decimals: int) -> None:
    assert f.tick_decimals(Decimal(tick)) == decimals


@pytest.mark.parametrize(
    ("value", "tick", "text"),
    [
        ("61685.99", "0.01", "61,685.99"),
        ("61686.00000000", "0.01", "61,686.00"),
        ("0.117", "0.00001", "0.11700"),
        ("1234567", "1", "1,234,567"),
        ("2682.505", "0.01", "2,682.505"),  # finer than the tick: a fault must not be rounded away
        ("1E+3", "0.01", "1,000.00"),
        ("0", "0.01", "0.00"),
    ],
)
def test_price_keeps_every_digit(value: str, tick: str, text: str) -> None:
    shown = f.price(Decimal(value), Decimal(tick))
    assert shown == text
    assert f.price_number(shown) == Decimal(value)


def test_price_of_nothing_is_a_dash() -> None:
    assert f.price(None, Decimal("0.01")) == f.NOTHING


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.0123, "+1.23 %"), (-0.0123, "−1.23 %"), (0.000001, "0.00 %"), (-0.000001, "0.00 %")],
)
def test_percent_has_a_sign_unless_it_is_zero(ratio: float, text: str) -> None:
    assert f.percent(ratio) == text


def test_change_from_nothing_is_unknown() -> None:
    assert f.change(Decimal(2), Decimal(0)) is None
    assert f.change(None, Decimal(1)) is None
    assert f.change(Decimal("1.1"), Decimal(1)) == Decimal("0.1")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (1234, "1,234"),
        (12_345, "12.3 k"),
        (2_500_000, "2.5 M"),
        (3.2e9, "3.2 B"),
    ],
)
def test_amount_is_short(value: float | None, text: str) -> None:
    assert f.amount(value) == text


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (999, "999 ms"),
        (-40, "−40 ms"),
        (1000, "1.0 s"),
        (9940, "9.9 s"),
        (10_000, "10 s"),
        (123_000, "2 min 03 s"),
    ],
)
def test_milliseconds_take_the_unit_that_fits(length_ms: int | None, text: str) -> None:
    assert f.milliseconds(length_ms) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7260, "2 h 01 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_span_uses_two_units(seconds: float, text: str) -> None:
    assert f.span(timedelta(seconds=seconds)) == text


def test_times_stand_beside_utc() -> None:
    time = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)
    assert f.both_times(time, ZoneInfo("UTC")) == "2026-01-01 23:30 UTC"
    tokyo = f.both_times(time, ZoneInfo("Asia/Tokyo"))
    assert tokyo == "2026-01-02 08:30 Asia/Tokyo · 2026-01-01 23:30 UTC"
    noon = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert (
        f.both_times(noon, ZoneInfo("Europe/Berlin"))
        == "2026-07-01 14:00 Europe/Berlin · 12:00 UTC"
    )
