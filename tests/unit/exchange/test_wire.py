"""Payloads are what Binance documents, and convert to microseconds."""

from __future__ import annotations

import orjson
import pytest

from exchange.bars import Bar, flat_bar
from exchange.errors import ApiError
from exchange.listings import KNOWN_LISTINGS
from exchange.units import is_micro, to_milliseconds, zone_ms
from exchange.wire import (
    aggregate_event,
    combined,
    kline_event,
    shutdown_event,
    to_microseconds,
    trade_event,
)

pytestmark = pytest.mark.unit

BTC = KNOWN_LISTINGS["BTCUSDT"]
OPEN_MS = 1_672_515_600_000
BAR = Bar(OPEN_MS, 6168600, 6170000, 6168000, 6168599, 250_000, 15, 3, 100_000, 5, 100, 102)


def trade() -> bytes:
    return trade_event("BTCUSDT", 1672515782137, 1234567890123, "0.1", "100", 1672515782136, True)


def test_trade() -> None:
    assert orjson.loads(trade()) == {
        "e": "trade",
        "E": 1672515782137,
        "s": "BTCUSDT",
        "t": 1234567890123,
        "p": "0.1",
        "q": "100",
        "T": 1672515782136,
        "m": True,
        "M": True,
    }


def test_aggregate_trade() -> None:
    payload = aggregate_event(BTC, 1672515782137, 12345, 10, 5, (100, 105), 1672515782136, False)

    assert orjson.loads(payload) == {
        "e": "aggTrade",
        "E": 1672515782137,
        "s": "BTCUSDT",
        "a": 12345,
        "p": "0.10000000",
        "q": "0.00005000",
        "f": 100,
        "l": 105,
        "T": 1672515782136,
        "m": False,
        "M": True,
    }


def test_kline() -> None:
    payload = orjson.loads(kline_event(BTC, BAR, "1h", OPEN_MS + 3_600_000, is_closed=True))

    assert (payload["e"], payload["s"], payload["E"]) == ("kline", "BTCUSDT", OPEN_MS + 3_600_000)
    assert payload["k"] == {
        "t": OPEN_MS,
        "T": OPEN_MS + 3_599_999,
        "s": "BTCUSDT",
        "i": "1h",
        "f": 100,
        "L": 102,
        "o": "61686.00000000",
        "c": "61685.99000000",
        "h": "61700.00000000",
        "l": "61680.00000000",
        "v": "2.50000000",
        "n": 3,
        "x": True,
        "q": "0.00000150",
        "V": "1.00000000",
        "Q": "0.00000050",
        "B": "0",
    }


def test_a_quiet_kline_has_no_ids() -> None:
    kline = orjson.loads(kline_event(BTC, flat_bar(OPEN_MS, 7), "1h", 1, is_closed=True))["k"]

    assert (kline["f"], kline["L"], kline["n"], kline["v"]) == (-1, -1, 0, "0.00000000")
    assert {kline[name] for name in "ohlc"} == {"0.07000000"}


def test_the_wrapper_of_combined_streams() -> None:
    assert combined("btcusdt@trade", b"{}") == b'{"stream":"btcusdt@trade","data":{}}'


def test_microseconds_change_times_and_nothing_else() -> None:
    before = orjson.loads(trade())
    after = orjson.loads(to_microseconds(trade()))

    assert after == {**before, "E": 1672515782137000, "T": 1672515782136000}


def test_microseconds_in_klines_end_in_999999() -> None:
    payload = kline_event(BTC, BAR, "1h", OPEN_MS + 5, is_closed=False)

    kline = orjson.loads(to_microseconds(payload))["k"]

    assert kline["t"] == OPEN_MS * 1000
    assert kline["T"] == OPEN_MS * 1000 + 3_599_999_999


def test_shutdown() -> None:
    assert shutdown_event(5) == b'{"e":"serverShutdown","E":5}'


@pytest.mark.parametrize(
    ("unit", "micro"),
    [(None, False), ("MILLISECOND", False), ("microsecond", True), ("MICROSECOND", True)],
)
def test_time_units(unit: str | None, micro: bool) -> None:
    assert is_micro(unit) is micro


def test_a_wrong_time_unit_has_its_code() -> None:
    with pytest.raises(ApiError) as caught:
        is_micro("FORTNIGHT")
    assert caught.value.code == -1194


def test_times_may_be_given_in_either_unit() -> None:
    assert to_milliseconds(OPEN_MS) == to_milliseconds(OPEN_MS * 1000 + 999) == OPEN_MS


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("8", 480),
        ("-1:00", -60),
        ("05:45", 345),
        (" 08:00", 480),
        ("14", 840),
    ],
)
def test_time_zones(text: str | None, minutes: int) -> None:
    assert zone_ms(text) == minutes * 60_000


@pytest.mark.parametrize("text", ["15", "-12:30", "5:60", "UTC", "1:5", "100"])
def test_a_wrong_time_zone_has_its_code(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        zone_ms(text)
    assert caught.value.code == -1130
