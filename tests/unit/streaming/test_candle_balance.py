"""A batch that does not account for every record is found out, whatever went missing."""

from __future__ import annotations

import pytest

from conf.names import HOUR_MS
from streaming.candles.balance import CandleBalance
from streaming.candles.hours import COUNTS, OBSERVATION
from streaming.progress import Progress
from tests.support.candle_records import HOUR

pytestmark = pytest.mark.unit

BTC, ETH = ("BTCUSDT", HOUR), ("ETHUSDT", HOUR)


def progress(batch_id: int, rows: int, **counts: int) -> Progress:
    observed = dict.fromkeys(COUNTS, 0) | counts
    return Progress(batch_id, input_rows=rows, observed={OBSERVATION: observed})


def test_a_batch_that_adds_up() -> None:
    balance = CandleBalance()
    balance.stored(0, {BTC: 5, ETH: 3})
    first = progress(0, 10, read=10, trades=6, closes=1, gaps=1, malformed=1, future=1)
    assert balance.problems(first) == []
    balance.stored(1, {BTC: 9})
    assert balance.problems(progress(1, 4, read=4, trades=4)) == []
    balance.stored(2, {})
    assert balance.problems(progress(2, 0)) == []


@pytest.mark.parametrize(
    ("rows", "counts", "held", "words"),
    [
        (5, {"read": 4, "trades": 4}, {BTC: 4}, "source gave 5 rows, 4 were read"),
        (5, {"read": 5, "trades": 4}, {BTC: 4}, "5 read, but 4 kept and 0 rejected"),
        (4, {"read": 4, "trades": 4}, {BTC: 3}, "4 records kept, but the hours grew by 3"),
        (4, {"read": 4, "trades": 4}, {BTC: 5}, "4 records kept, but the hours grew by 5"),
        (4, {"read": 4, "trades": 3, "too_old": 2}, {BTC: 3}, "3 kept and 2 rejected"),
    ],
)
def test_a_batch_that_does_not_add_up(
    rows: int, counts: dict[str, int], held: dict[tuple[str, int], int], words: str
) -> None:
    balance = CandleBalance()
    balance.stored(0, held)
    (line,) = balance.problems(progress(0, rows, **counts))
    assert words in line


def test_a_batch_that_lost_an_hour() -> None:
    balance = CandleBalance()
    balance.stored(0, {BTC: 2, ETH: 2})
    assert balance.problems(progress(0, 4, read=4, trades=4)) == []
    balance.stored(1, {BTC: 4})
    assert balance.problems(progress(1, 4, read=4, trades=4)) != []


def test_an_hour_that_fell() -> None:
    balance = CandleBalance()
    balance.stored(0, {BTC: 4, ETH: 4})
    balance.problems(progress(0, 8, read=8, trades=8))
    balance.stored(1, {BTC: 3, ETH: 6})
    lines = balance.problems(progress(1, 1, read=1, trades=1))
    assert lines == ["1 hours hold fewer records than before"]


def test_rows_without_counts_and_kept_records_without_a_sink() -> None:
    balance = CandleBalance()
    assert balance.problems(Progress(3)) == []
    assert balance.problems(Progress(3, input_rows=2)) == ["2 rows read, none counted"]
    assert balance.problems(progress(4, 1, read=1, trades=1)) != []


def test_after_a_restart_unknown_hours_bound_the_growth() -> None:
    balance = CandleBalance()
    balance.stored(6, {BTC: 100})
    assert balance.problems(progress(6, 4, read=4, trades=4)) == []
    balance.stored(7, {BTC: 103, ETH: 50})
    assert balance.problems(progress(7, 9, read=9, trades=9)) == []
    balance.stored(8, {BTC: 105, ETH: 51})
    assert balance.problems(progress(8, 2, read=2, trades=2)) != []  # 3 of 2
    balance.stored(9, {BTC: 106})
    assert balance.problems(progress(9, 1, read=1, trades=1)) == []
    balance.restart()
    balance.stored(9, {BTC: 106})  # the same batch again
    assert balance.problems(progress(9, 1, read=1, trades=1)) == []
    balance.stored(10, {BTC: 107, ("BTCUSDT", HOUR + HOUR_MS): 1})
    assert (
        balance.problems(progress(10, 3, read=3, trades=3)) != []
    )  # more than both hours can hold


def test_a_restart_in_the_same_process_knows_no_hours_either() -> None:
    balance = CandleBalance()
    balance.stored(0, {BTC: 4})
    assert balance.problems(progress(0, 4, read=4, trades=4)) == []
    balance.restart()
    balance.stored(1, {BTC: 6})
    assert balance.problems(progress(1, 2, read=2, trades=2)) == []


def test_a_report_may_come_after_the_next_batch_has_begun() -> None:
    balance = CandleBalance()
    balance.stored(0, {BTC: 1})
    balance.stored(1, {BTC: 3})
    assert balance.problems(progress(0, 1, read=1, trades=1)) == []
    assert balance.problems(progress(1, 2, read=2, trades=2)) == []


def test_old_hours_are_forgotten() -> None:
    balance = CandleBalance(keep_days=1)
    for hour in range(100):
        balance.stored(hour, {("BTCUSDT", HOUR + hour * HOUR_MS): 1})
    assert len(balance._records) == 25
