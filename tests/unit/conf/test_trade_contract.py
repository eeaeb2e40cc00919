"""Golden messages: bytes that consumers in the field must go on reading."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.contracts.errors import ContractError
from conf.contracts.trade_schemas import RELEASED_SCHEMAS, TRADE_SCHEMA_JSON, TRADE_SCHEMA_VERSION
from conf.contracts.trades import (
    INT64_MAX,
    Close,
    Gap,
    TradeRecord,
    decode,
    encode,
    scaled,
    unscaled,
)
from conf.settings import KafkaSettings

pytestmark = pytest.mark.unit

GOLDEN_BYTES = bytes.fromhex(
    "00000000020a54524144450e42544355534454028aa0cddd060280cfb7d287e70202d00f0201f0fffac6a66402f4"
    "fffac6a664fafffac6a6640c53545245414d000000"
)
GOLDEN = TradeRecord(
    "TRADE",
    "BTCUSDT",
    1723161599992,
    1723161599997,
    "STREAM",
    trade_id=903_456_773,
    price=6_168_599_000_000,
    quantity=1_000,
    buyer_is_maker=True,
    event_time_ms=1723161599994,
)


GOLDEN_BYTES_OF_VERSION_1 = b"\x00\x00\x00\x00\x01" + GOLDEN_BYTES[5:-1]


def test_a_trade_keeps_its_bytes():
    assert encode(GOLDEN, 2) == GOLDEN_BYTES
    assert decode(GOLDEN_BYTES, 2) == GOLDEN


def test_a_record_of_the_first_version_is_the_same_trade():
    assert decode(GOLDEN_BYTES_OF_VERSION_1, 2) == GOLDEN
    assert not GOLDEN.time_fell


def test_a_time_that_fell_survives():
    record = replace(GOLDEN, time_fell=True)
    assert decode(encode(record, 2), 2) == record != GOLDEN


def test_the_current_schema_is_the_newest_released_one():
    assert max(RELEASED_SCHEMAS) == TRADE_SCHEMA_VERSION
    assert RELEASED_SCHEMAS[TRADE_SCHEMA_VERSION] == TRADE_SCHEMA_JSON
    assert KafkaSettings().trades_schema_id == TRADE_SCHEMA_VERSION
    assert KafkaSettings().trades_writer_schemas == RELEASED_SCHEMAS


def test_close_and_gap_survive():
    close = Close(3_600_000, "STREAM", 1, 2, 2, 10, 12, 9, 11, "1.5", "16", "0.5", "5.5", 1)
    for record in (
        TradeRecord("CLOSE", "ETHUSDT", 7_199_999, 7_200_001, "STREAM", close=close),
        TradeRecord("GAP", "ETHUSDT", 3_600_000, 1, "REST", gap=Gap(3, 9, "not served")),
    ):
        assert decode(encode(record, 7), 7) == record


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "shorter"),
        (b"\x00\x00\x00\x00\x01", "shorter"),
        (b"\x01\x00\x00\x00\x01\x0aTRADE", "magic byte 1"),
        (b"\x00\x00\x00\x00\x03\x0aTRADE", "schema id 3"),
        (b"\x00\x00\x00\x00\x02\x0aTRA", "decode"),
        (b"\x00\x00\x00\x00\x01\x0aTRA", "decode"),
        (GOLDEN_BYTES_OF_VERSION_1[:-1], "decode"),
        (GOLDEN_BYTES[:-1], "decode"),
    ],
)
def test_foreign_bytes_are_refused_with_a_reason(message, reason):
    with pytest.raises(ContractError, match=reason):
        decode(message, 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [("61685.99000000", 6_168_599_000_000), ("0.00000001", 1), ("0", 0), ("1e3", 10**11)],
)
def test_scaled_is_exact(text, value):
    assert scaled(text) == value
    assert unscaled(value) == Decimal(text)


@pytest.mark.parametrize(
    "text", ["", "abc", "NaN", "Infinity", "1e999999", "0.000000001", "92233720369", None]
)
def test_scaled_refuses_what_does_not_fit(text):
    with pytest.raises(ContractError):
        scaled(text)


@given(st.integers(-INT64_MAX, INT64_MAX))
def test_scaled_inverts_unscaled(value):
    assert scaled(str(unscaled(value))) == value
