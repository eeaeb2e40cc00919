import pytest

from conf.names import HOUR_MS
from local.errors import LocalError
from nexthour.times import parse_symbols, parse_time

pytestmark = pytest.mark.unit

DAY = 20_454 * 24 * HOUR_MS  # 2026-01-01


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00Z", "2026-01-01T00:00:00+00:00", " 2026-01-01T02:00+02:00"]
)
def test_full_hours_with_a_zone(text):
    assert parse_time(text, "--from") == DAY


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("2026-01-01T00:00", "append Z"),
        ("yesterday", "no time"),
        ("2026-01-01T00:30Z", "full hour"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(text, hint):
    with pytest.raises(LocalError, match=f"--from: .*{hint}"):
        parse_time(text, "--from")


def test_symbols_are_upper_case_each_once():
    assert parse_symbols("btcusdt, ETHUSDT,btcusdt", ("X",)) == ("BTCUSDT", "ETHUSDT")
    assert parse_symbols(None, ("X",)) == ("X",)
    with pytest.raises(LocalError, match="--symbols"):
        parse_symbols(" ,", ("X",))
