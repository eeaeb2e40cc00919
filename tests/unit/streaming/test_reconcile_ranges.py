import pytest

from conf.names import HOUR_MS
from streaming.reconcile.ranges import HourRange, closed_until_ms, time_text
from streaming.reconcile.readers import parse_candle_file

pytestmark = pytest.mark.unit

DAY = 20_454 * 24 * HOUR_MS  # 2026-01-01


def test_a_range_knows_its_hours_and_dates():
    hours = HourRange(DAY + 22 * HOUR_MS, DAY + 25 * HOUR_MS)
    assert len(hours) == 3
    assert list(hours) == [DAY + n * HOUR_MS for n in (22, 23, 24)]
    assert DAY + 25 * HOUR_MS not in hours
    assert hours.dates() == ["2026-01-01", "2026-01-02"]
    assert HourRange(DAY, DAY + 24 * HOUR_MS).dates() == ["2026-01-01"]
    assert str(hours) == "2026-01-01T22:00Z to 2026-01-02T01:00Z"


@pytest.mark.parametrize(
    ("begin", "end"), [(DAY, DAY), (DAY, DAY - HOUR_MS), (DAY + 1, DAY + HOUR_MS)]
)
def test_what_is_no_range_of_hours_is_refused(begin, end):
    with pytest.raises(ValueError, match="2026-01-01T00:00Z"):
        HourRange(begin, end)


@pytest.mark.parametrize(
    ("after_ms", "speed", "expected"),
    [(30_000, 1, 0), (29_999, 1, -1), (1_800_000, 180, 0), (1_799_999, 180, -1)],
)
def test_an_hour_counts_once_exchange_and_stores_had_their_time(after_ms, speed, expected):
    assert closed_until_ms(DAY + after_ms, speed) == DAY + expected * HOUR_MS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BTCUSDT-1767225600000-r12.parquet", ("BTCUSDT", 1_767_225_600_000, 12)),
        (".BTCUSDT-1767225600000-r1.parquet.ab.tmp", None),
        ("_SUCCESS", None),
        ("BTCUSDT-1767225600000-x1.parquet", None),
        ("BTCUSDT-r1.parquet", None),
        ("BTCUSDT-1767225600000-r1.csv", None),
    ],
)
def test_names_of_candle_files(name, expected):
    assert parse_candle_file(name) == expected


def test_times_are_written_as_the_command_line_reads_them():
    assert time_text(DAY) == "2026-01-01T00:00Z"
