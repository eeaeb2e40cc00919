"""Postgres' texts as the wire's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wire import decimal_text, parsed_time, time_text
from conf.contracts.candles import decimal_text as topic_text

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("61685.99000000", "61685.99"),
        ("100", "100"),
        ("100.000", "100"),
        ("0.00000001", "0.00000001"),
        ("0.000", "0"),
        ("-0.50", "-0.5"),
        (None, None),
    ],
)
def test_decimals(sent: str | None, told: str | None) -> None:
    assert decimal_text(sent) == told


@given(st.decimals(allow_nan=False, allow_infinity=False, places=16))
def test_decimals_read_as_in_the_topics_and_lose_nothing(number: Decimal) -> None:
    text = decimal_text(format(abs(number), "f"))
    assert text == topic_text(abs(number))
    assert text is not None
    assert Decimal(text) == abs(number)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("2026-01-01 05:00:00+00", "2026-01-01T05:00:00Z"),
        ("2026-01-01 05:00:00.120001+00", "2026-01-01T05:00:00.120001Z"),
        (None, None),
    ],
)
def test_times(sent: str | None, told: str | None) -> None:
    assert time_text(sent) == told


def test_a_session_of_another_zone_is_an_error_and_not_a_wrong_time() -> None:
    with pytest.raises(ValueError, match="timezone=UTC"):
        time_text("2026-01-01 05:00:00+02")


def test_a_told_time_reads_as_the_moment_that_it_is() -> None:
    assert parsed_time("2026-01-01T05:00:00.5Z").timestamp() == 1767243600.5
