"""The quick encoders of the benchmark against the contract, and its hours against the verdict's figures."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import numpy as np
import orjson
import pytest

from conf.contracts.trades import decode, encode, unscaled
from conf.names import HOUR_MS
from tests.bench.candles.encoding import (
    avro_trades,
    json_close,
    json_trades,
    record_of,
    varints,
)
from tests.bench.candles.market import SymbolHour, SymbolMarket, closing

pytestmark = pytest.mark.unit

SCHEMA_ID = 2
COUNT = 300


def hour_of(number: int = 0, symbol: str = "BTCUSDT") -> SymbolHour:
    return SymbolMarket(symbol, number, seed=1, per_hour=COUNT).next_hour()


@pytest.mark.parametrize(("number", "symbol"), [(0, "BTCUSDT"), (4, "DOGEUSDT"), (5, "X123USDT")])
def test_avro_equals_the_contract_for_every_row(number: int, symbol: str) -> None:
    hour = hour_of(number, symbol)
    made = list(avro_trades(hour, SCHEMA_ID, 100, 250))
    assert made == [encode(record_of(hour, row), SCHEMA_ID) for row in range(100, 250)]


def test_varints_of_every_length() -> None:
    values = np.array([0, 1, 63, 64, 8191, 8192, 2**31, 2**40, 2**61, 2**62 - 1])
    bytes_, is_used = varints(values)
    for row, value in enumerate(values.tolist()):
        read = 0
        for place, one in enumerate(bytes_[row][is_used[row]].tolist()):
            read |= (one & 0x7F) << (7 * place)
        assert read == 2 * value
        last = bytes_[row][is_used[row]][-1]
        assert last < 0x80


def test_json_says_the_same_as_avro() -> None:
    hour = hour_of()
    for row, message in enumerate(json_trades(hour, 0, COUNT)):
        found, record = orjson.loads(message), record_of(hour, row)
        assert found["stream"] == "btcusdt@trade"
        data = found["data"]
        assert (data["t"], data["T"], data["E"]) == (
            record.trade_id,
            record.trade_time_ms,
            record.event_time_ms,
        )
        assert record.price is not None
        assert record.quantity is not None
        assert Decimal(data["p"]) == unscaled(record.price)
        assert Decimal(data["q"]) == unscaled(record.quantity)
        assert data["m"] is record.buyer_is_maker


def test_series_goes_on_from_hour_to_hour_and_repeats_with_the_seed() -> None:
    market, again = (SymbolMarket("BTCUSDT", 0, seed=7, per_hour=COUNT) for _ in range(2))
    hours = [market.next_hour() for _ in range(3)]
    for before, after in pairwise(hours):
        assert after.first_id == before.first_id + COUNT
        assert after.open_ms == before.open_ms + HOUR_MS
    for hour in hours:
        assert (np.diff(hour.time_ms) >= 0).all()
        assert (hour.time_ms // HOUR_MS * HOUR_MS == hour.open_ms).all()
    assert (again.next_hour().price == hours[0].price).all()
    assert (SymbolMarket("BTCUSDT", 0, 8, COUNT).next_hour().price != hours[0].price).any()


def test_close_states_the_exact_figures() -> None:
    hour = hour_of()
    records = [decode(value, SCHEMA_ID) for value in avro_trades(hour, SCHEMA_ID, 0, COUNT)]
    close = closing(hour).close
    assert close is not None
    exact = sum(
        (Decimal(record.price or 0) * (record.quantity or 0) for record in records), Decimal()
    )
    assert Decimal(close.quote_volume or "") == Decimal(f"{int(exact)}e-16")
    buys = sum(record.quantity or 0 for record in records if not record.buyer_is_maker)
    assert Decimal(close.taker_buy_volume or "") == unscaled(buys)
    assert (close.open, close.close) == (records[0].price, records[-1].price)
    assert close.trades == COUNT
    kline = orjson.loads(json_close(closing(hour)))["data"]["k"]
    assert kline["x"] is True
    assert Decimal(kline["q"]) == Decimal(close.quote_volume or "")
    assert (kline["f"], kline["L"]) == (close.first_trade_id, close.last_trade_id)
