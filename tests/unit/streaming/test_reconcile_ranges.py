import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.names import DAY_MS, HOUR_MS
from streaming.reconcile.parquet_files import parse_candle_file
from streaming.reconcile.parts import part_hours
from streaming.reconcile.ranges import HourRange, closed_until_ms, day_of, time_text

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


RANGES = st.builds(
    lambda begin, length: HourRange(DAY + begin * HOUR_MS, DAY + (begin + length) * HOUR_MS),
    st.integers(0, 100),
    st.integers(1, 400),
)


@given(RANGES, st.integers(1, 5))
def test_parts_are_the_whole_range_once_each_within_its_days(hours, days):
    parts = list(hours.parts(days * 24))
    assert [hour for part in parts for hour in part] == list(hours)
    assert all(len(part.dates()) <= days for part in parts)
    assert all(part.from_ms % DAY_MS == 0 for part in parts[1:])


@given(RANGES, st.data())
def test_chosen_days_are_all_their_hours_of_the_range_and_no_other(hours, data):
    of_the_range = sorted({day_of(hour) for hour in hours})
    chosen = data.draw(st.sets(st.sampled_from(of_the_range)))
    runs = list(hours.only(chosen))
    assert [hour for run in runs for hour in run] == [h for h in hours if day_of(h) in chosen]
    ends = [run.until_ms for run in runs[:-1]]
    assert all(end < run.from_ms for end, run in zip(ends, runs[1:], strict=True)), (
        "neighbours are one"
    )


@pytest.mark.parametrize(
    ("symbols", "hours"), [(1, 984), (10, 984), (20, 480), (400, 24), (2_000, 24)]
)
def test_a_part_is_a_page_of_klines_or_as_many_candles_as_memory_allows(symbols, hours):
    assert part_hours(symbols) == hours


def test_times_are_written_as_the_command_line_reads_them():
    assert time_text(DAY) == "2026-01-01T00:00Z"
