"""Symbol statuses: what exchangeInfo says, and what the book does."""

from __future__ import annotations

import pytest

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.bars import HourState
from exchange.book import Book, synthetic_book
from exchange.capture import capture_series, parse_lines
from exchange.clock import Clock
from exchange.faults import FaultError, SymbolStatus
from exchange.statuses import Statuses

pytestmark = pytest.mark.unit


def made() -> tuple[Statuses, Book]:
    settings = StandInSettings(
        symbols=("BTCUSDT", "DOTUSDT"), history_hours=3, halted_hours=("BTCUSDT:0",)
    )
    book = synthetic_book(settings)
    clock = Clock(book.live_start_ms, 1.0, hold=True)
    return Statuses(book.series, clock), book


def test_an_hour_without_a_kline_is_a_break() -> None:
    statuses, book = made()

    assert statuses.of("BTCUSDT", book.live_start_ms) is SymbolStatus.BREAK
    assert statuses.of("BTCUSDT", book.live_start_ms + HOUR_MS) is SymbolStatus.TRADING
    assert statuses.of("DOTUSDT", book.live_start_ms) is SymbolStatus.TRADING


@pytest.mark.parametrize(
    ("status", "hours"),
    [
        (SymbolStatus.BREAK, HourState.ABSENT),
        (SymbolStatus.HALT, HourState.QUIET),
        (SymbolStatus.CANCEL_ONLY, HourState.ABSENT),
        (SymbolStatus.DELISTED, HourState.ABSENT),
    ],
)
def test_a_status_stops_trading_until_it_is_trading_again(
    status: SymbolStatus, hours: HourState
) -> None:
    statuses, book = made()
    series, start_ms = book.series["DOTUSDT"], book.live_start_ms

    assert statuses.set("DOTUSDT", status) == start_ms
    assert statuses.of("DOTUSDT", start_ms + HOUR_MS) is status
    assert [series.state(start_ms + hour * HOUR_MS) for hour in (1, 2)] == [hours, hours]
    assert statuses.is_listed("DOTUSDT") == (status is not SymbolStatus.DELISTED)

    assert statuses.set("DOTUSDT", SymbolStatus.TRADING) == start_ms + HOUR_MS
    assert series.state(start_ms + HOUR_MS) is HourState.TRADED
    assert statuses.of("DOTUSDT", start_ms + HOUR_MS) is SymbolStatus.TRADING
    assert statuses.is_listed("DOTUSDT")


def test_unknown_symbols_are_not_listed() -> None:
    statuses, _ = made()

    assert not statuses.is_listed("NOPEUSDT")


def test_a_capture_stays_as_it_is() -> None:
    line = (
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1767225600001,"s":"BTCUSDT","t":5,'
        b'"p":"1.5","q":"2.0","T":1767225600000,"m":true,"M":true}}'
    )
    series = capture_series(parse_lines([line]))
    statuses = Statuses(series, Clock(1_767_225_600_000, 1.0, hold=True))

    with pytest.raises(FaultError, match="capture"):
        statuses.set("BTCUSDT", SymbolStatus.HALT)
