"""The topic's tail, folded backwards step by step, says where a series goes on."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.contracts.trades import Close, Gap, TradeRecord
from conf.names import HOUR_MS
from producers.questions import Start
from producers.start import resumed
from producers.tail import Tail, fold_backwards

pytestmark = pytest.mark.unit

H0 = 1_700_000 * HOUR_MS
H1, H2 = H0 + HOUR_MS, H0 + 2 * HOUR_MS


def trade(trade_id: int, time_ms: int) -> TradeRecord:
    return TradeRecord("TRADE", "BTCUSDT", time_ms, time_ms, "STREAM", trade_id, 1, 1, False)


def close(hour: int, first: int, last: int, witness: str = "STREAM") -> TradeRecord:
    count = None if witness == "END" else 0 if first < 0 else last - first + 1
    ids = (None, None) if witness == "END" else (first, last)
    record = Close(hour, witness, *ids, count)
    return TradeRecord("CLOSE", "BTCUSDT", hour + HOUR_MS - 1, hour, "STREAM", close=record)


def gap(first: int, last: int, hour: int) -> TradeRecord:
    return TradeRecord("GAP", "BTCUSDT", hour, hour, "REST", gap=Gap(first, last, "away"))


def tail_of(*records: TradeRecord) -> Tail:
    tail = Tail()
    fold_backwards(tail, records)
    return tail


SERIES = (
    trade(10, H0 + 1),
    trade(11, H0 + 2),
    trade(12, H1 + 1),
    close(H0, 10, 11),
    gap(13, 15, H1),
)


def test_nothing_published() -> None:
    assert resumed(tail_of()) is None


def test_goes_on_after_the_last_id_and_the_last_close() -> None:
    assert resumed(tail_of(*SERIES)) == Start(15, H1 + 1, H1, 12)


def test_before_the_first_close_the_first_hour_is_that_of_the_first_trade() -> None:
    tail = tail_of(trade(10, H0 + 1), trade(11, H1 + 1))
    assert resumed(tail) == Start(11, H1 + 1, H0, 10)


def test_after_quiet_hours_the_first_id_comes_from_the_last_hour_with_trades() -> None:
    tail = tail_of(trade(10, H0), close(H0, 10, 10), close(H1, -1, -1))
    assert resumed(tail) == Start(10, H0, H2, 11)


def test_after_an_end_the_first_id_is_unknown() -> None:
    tail = tail_of(trade(10, H0), close(H0, 10, 10), trade(11, H1), close(H1, 0, 0, "END"))
    assert resumed(tail) == Start(11, H1, H2, None)


def test_only_quiet_hours_published() -> None:
    tail = tail_of(close(H0, -1, -1))
    assert resumed(tail) is None
    assert tail.last_close is not None


@given(st.lists(st.integers(1, len(SERIES)), max_size=4))
def test_steps_of_any_size_give_the_same_tail(cuts: list[int]) -> None:
    edges = sorted({0, len(SERIES), *cuts})
    stepwise = Tail()
    for low, high in reversed(list(itertools.pairwise(edges))):
        fold_backwards(stepwise, SERIES[low:high])
    assert stepwise == tail_of(*SERIES)


def test_ids_that_never_existed_in_an_open_hour_are_known_again() -> None:
    def absent(first: int, last: int, hour: int) -> TradeRecord:
        text = "never_existed: REST has only later ids"
        return TradeRecord("GAP", "BTCUSDT", hour, hour, "REST", gap=Gap(first, last, text))

    closed = (trade(10, H0), absent(11, 11, H0), trade(12, H0 + 1), close(H0, 10, 12))
    tail = Tail()
    fold_backwards(tail, (absent(16, 16, H1), absent(17, 19, H2), trade(20, H1 + 5)))
    fold_backwards(tail, (*closed, trade(13, H1), absent(14, 15, H1)))
    start = resumed(tail)
    assert start is not None
    assert sorted(start.absent) == [(H1, 14, 15), (H1, 16, 16), (H1, 17, 19)]
