"""Captures: what is read from a file, and the book that its trades make."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from conf.names import HOUR_MS
from exchange.bars import HourState
from exchange.capture import Capture, capture_series, parse_lines, read_capture
from exchange.errors import StandInError
from exchange.replay import derived_closes

pytestmark = pytest.mark.unit

HOUR = 1_723_158_000_000
END = HOUR + HOUR_MS


def trade(
    trade_id: int,
    time_ms: int,
    price: str = "61685.99000000",
    *,
    symbol: str = "BTCUSDT",
    delay_ms: int = 1,
    maker: str = "true",
) -> bytes:
    return (
        f'{{"stream":"{symbol.lower()}@trade","data":{{"e":"trade","E":{time_ms + delay_ms},'
        f'"s":"{symbol}","t":{trade_id},"p":"{price}","q":"0.02000000","T":{time_ms},'
        f'"m":{maker},"M":true}}}}'
    ).encode()


def book_ticker() -> bytes:
    return b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1.0","B":"1","a":"2","A":"1"}}'


def kline() -> bytes:
    return f'{{"stream":"btcusdt@kline_1h","data":{{"e":"kline","E":{END},"s":"BTCUSDT","k":{{}}}}}}'.encode()


def test_messages_keep_their_bytes() -> None:
    odd = b'{ "data": {"e":"trade","E":5,"x":1.50}, "stream":"btcusdt@trade" }'
    capture = parse_lines([trade(1, HOUR), odd])

    assert [message.wrapped for message in capture.messages] == [trade(1, HOUR), odd]
    assert (
        capture.messages[0].data == trade(1, HOUR)[len(b'{"stream":"btcusdt@trade","data":') : -1]
    )


def test_bad_lines_are_counted_and_passed_over() -> None:
    lines = [b"", b"no json", b"[1]", b'{"stream":"x"}', b'{"stream":1,"data":{}}', trade(1, HOUR)]

    capture = parse_lines(lines)

    assert capture.bad_lines == 4
    assert len(capture.messages) == 1


def test_other_streams_stay_in_their_place() -> None:
    capture = parse_lines([book_ticker(), trade(1, HOUR), book_ticker(), trade(2, HOUR + 50)])

    streams = [message.stream.split("@")[1] for message in capture.messages]
    assert streams == ["bookTicker", "trade", "bookTicker", "trade"]
    assert [message.due_ms - HOUR for message in capture.messages] == [1, 1, 1, 51]


def test_due_times_never_go_back() -> None:
    capture = parse_lines([trade(2, HOUR + 100), trade(1, HOUR), trade(3, HOUR + 200)])

    assert [message.due_ms - HOUR for message in capture.messages] == [101, 101, 201]


@pytest.mark.parametrize(
    "spoilt",
    [
        trade(2, HOUR, price="abc"),
        trade(2, HOUR, price="-1"),
        trade(2, HOUR, price="NaN"),
        trade(2, HOUR, maker="1"),
        trade(2, HOUR).replace(b'"t":2', b'"t":"2"'),
    ],
)
def test_a_trade_that_is_none_is_sent_but_not_in_the_book(spoilt: bytes) -> None:
    capture = parse_lines([trade(1, HOUR), spoilt])

    assert capture.messages[1].trade is None
    assert capture.messages[1].wrapped == spoilt


def test_the_book_holds_each_id_once_and_in_order() -> None:
    capture = parse_lines(
        [trade(7, HOUR + 3, "61686.0"), trade(5, HOUR), trade(6, HOUR + 2), trade(7, HOUR + 3)]
    )

    series = capture_series(capture)["BTCUSDT"]
    hour = series.trades(HOUR)

    assert hour is not None
    assert hour.trade_id.tolist() == [5, 6, 7]
    bar = series.closed_bar(HOUR)
    assert (bar.first_id, bar.last_id, bar.trades) == (5, 7, 3)
    assert series.listing.price_text(bar.close) == "61685.99000000"
    assert (series.listing.price_decimals, series.listing.quantity_decimals) == (2, 2)


def test_hours_between_captured_trades_are_quiet_others_absent() -> None:
    late = END + 2 * HOUR_MS
    series = capture_series(
        parse_lines([trade(1, HOUR, symbol="ETHUSDT"), trade(1, END), trade(2, late)])
    )

    states = [series["BTCUSDT"].state(HOUR + hour * HOUR_MS) for hour in range(5)]

    traded, quiet, absent = HourState.TRADED, HourState.QUIET, HourState.ABSENT
    assert states == [absent, traded, quiet, traded, absent]
    assert series["BTCUSDT"].closed_bar(END + HOUR_MS).trades == 0


def closes_of(capture: Capture) -> list[tuple[int, str, int]]:
    found = derived_closes(capture, capture_series(capture))
    return [(close.after, close.symbol, close.open_ms) for close in found]


def test_an_hour_closes_after_its_last_trade_even_if_that_came_late() -> None:
    lines = [
        trade(1, HOUR),
        trade(1, END, symbol="ETHUSDT", delay_ms=0),
        trade(2, END - 1, delay_ms=30),
        trade(3, END + 5, delay_ms=40),
    ]

    assert closes_of(parse_lines(lines)) == [(3, "BTCUSDT", HOUR)]


def test_an_hour_that_the_capture_does_not_outlast_is_not_closed() -> None:
    assert closes_of(parse_lines([trade(1, HOUR), trade(2, END - 5)])) == []


def test_recorded_klines_are_not_doubled() -> None:
    lines = [trade(1, HOUR), trade(1, HOUR, symbol="ETHUSDT"), kline(), trade(2, END + 9)]

    assert closes_of(parse_lines(lines)) == [(2, "ETHUSDT", HOUR)]


@pytest.mark.parametrize("name", ["plain.jsonl", "packed.jsonl.gz"])
def test_files_may_be_plain_or_gzip(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = trade(1, HOUR) + b"\n" + trade(2, HOUR + 1) + b"\n"
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)

    assert len(read_capture(path).messages) == 2


@pytest.mark.parametrize("content", [b"", book_ticker(), gzip.compress(trade(1, HOUR))[:-9]])
def test_a_file_without_trades_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "capture"
    path.write_bytes(content)

    with pytest.raises(StandInError, match="NEXTHOUR_STANDIN_CAPTURE") as caught:
        read_capture(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StandInError, match="cannot be read"):
        read_capture(tmp_path / "none")
