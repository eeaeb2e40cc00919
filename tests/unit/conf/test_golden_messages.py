"""Golden messages of every topic: bytes that readers in the field must go on understanding.

`golden/TOPIC.json` holds, for each kind of message, its key, its bytes (hex) and what they say. A change
that breaks one of these files breaks consumers: add rows, never edit them.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import orjson
import pytest

from conf.contracts.candles import Candle, candle_key, decode_candle, encode_candle
from conf.contracts.dead_letters import MAX_RAW_BYTES, DeadLetter, decode_dead_letter
from conf.contracts.errors import ContractError
from conf.contracts.feed import FeedState, FeedStatus, decode_feed_status, encode_feed_status
from conf.contracts.forecasts import (
    VECTORS,
    Forecast,
    decode_forecast,
    encode_forecast,
    tuple_or_none,
)
from conf.contracts.incidents import Incident, IncidentKind, decode_incident, encode_incident
from conf.contracts.trade_schemas import RELEASED_SCHEMAS, TRADE_SCHEMA_VERSION
from conf.contracts.trades import Close, Gap, TradeRecord, decode, encode
from producers.errors import Reason

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden"


def rows(topic: str) -> list[Any]:
    loaded = json.loads((GOLDEN / f"{topic}.json").read_text())
    return [pytest.param(row, id=f"{topic}: {row['what']}") for row in loaded]


@dataclass(frozen=True)
class Codec:
    """How a JSON topic's messages are made and read."""

    make: Callable[[dict[str, Any]], Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    key: Callable[[Any], bytes]


PRICES = {"open", "high", "low", "close", "last_close", "q05", "q25", "q50", "q75", "q95"}
VOLUMES = {"volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"}


def with_decimals(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with decimals as the stores give them, with zeros at the end."""
    decimals = {
        name: Decimal(text).quantize(Decimal("1e-12"))
        for name, text in fields.items()
        if name in PRICES | VOLUMES and text is not None
    }
    return fields | decimals


def with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with lists as the code has them."""
    return fields | {name: tuple_or_none(fields.get(name)) for name in VECTORS}


def incident_of(value: dict[str, Any]) -> Incident:
    fields = {name: value[name] for name in value if name != "duration_ms"}
    return Incident(**fields | {"kind": IncidentKind(value["kind"])})


CODECS = {
    "candles": Codec(
        lambda value: Candle(**with_decimals(value)),
        encode_candle,
        decode_candle,
        lambda candle: candle_key(candle.symbol, candle.open_time_ms),
    ),
    "forecasts": Codec(
        lambda value: Forecast(**with_tuples(with_decimals(value))),
        encode_forecast,
        decode_forecast,
        lambda forecast: candle_key(forecast.symbol, forecast.target_open_time_ms),
    ),
    "incidents": Codec(incident_of, encode_incident, decode_incident, lambda one: one.key),
    "feed": Codec(
        lambda value: FeedStatus(**value | {"state": FeedState(value["state"])}),
        encode_feed_status,
        decode_feed_status,
        lambda status: status.key,
    ),
}
JSON_ROWS = [pytest.param(topic, *row.values, id=row.id) for topic in CODECS for row in rows(topic)]


@pytest.mark.parametrize("row", rows("trades"))
def test_records_of_trades(row: dict[str, Any]) -> None:
    value = row["value"]
    record = TradeRecord(
        **value
        | {
            "close": Close(**value["close"]) if value["close"] else None,
            "gap": Gap(**value["gap"]) if value["gap"] else None,
        }
    )
    message = bytes.fromhex(row["hex"])
    version = int.from_bytes(message[1:5])
    assert decode(message, TRADE_SCHEMA_VERSION) == record
    assert row["key"] == record.symbol
    body = io.BytesIO()
    schema = fastavro.parse_schema(json.loads(RELEASED_SCHEMAS[version]))
    fastavro.schemaless_writer(body, schema, value)
    assert message[5:] == body.getvalue()
    if version == TRADE_SCHEMA_VERSION:
        assert encode(record, version) == message


def test_there_are_records_of_every_released_schema() -> None:
    found = {int(row.values[0]["hex"][2:10], 16) for row in rows("trades")}
    assert found == set(RELEASED_SCHEMAS)


@pytest.mark.parametrize(("topic", "row"), JSON_ROWS)
def test_messages_of_the_json_topics(topic: str, row: dict[str, Any]) -> None:
    codec = CODECS[topic]
    message = bytes.fromhex(row["hex"])
    made = codec.make(row["value"])
    # An older message lacks what was added since; everything that it has is still there, first.
    written = orjson.loads(codec.encode(made))
    assert list(written.items())[: len(row["value"])] == list(row["value"].items())
    assert codec.encode(made) == message or len(written) > len(row["value"])
    assert codec.decode(message) == made
    assert orjson.loads(message) == row["value"]
    assert codec.key(made) == row["key"].encode()


@pytest.mark.parametrize("topic", CODECS)
def test_fields_added_later_are_ignored_and_a_missing_one_is_refused(topic: str) -> None:
    row = rows(topic)[0].values[0]
    made = CODECS[topic].make(row["value"])
    assert CODECS[topic].decode(orjson.dumps(row["value"] | {"colour": "red"})) == made
    fewer = {name: row["value"][name] for name in row["value"] if name != "symbol"}
    with pytest.raises(ContractError, match="symbol"):
        CODECS[topic].decode(orjson.dumps(fewer))


@pytest.mark.parametrize("row", rows("dead_letters"))
def test_dead_letters(row: dict[str, Any]) -> None:
    raw, value = bytes.fromhex(row["raw_hex"]), row["value"]
    letter = DeadLetter(**value | {"raw": raw})
    message = bytes.fromhex(row["hex"])
    assert letter.encode() == message
    assert orjson.loads(message) == value
    assert base64.b64decode(value["raw"]) == raw
    assert letter.key == (row["key"].encode() if row["key"] else None)
    assert decode_dead_letter(message) == letter
    earlier = {name: value[name] for name in ("reason", "symbol", "raw", "received_time_ms")}
    assert decode_dead_letter(orjson.dumps(earlier)).raw == raw


def test_a_dead_letter_of_a_huge_message_is_cut() -> None:
    letter = DeadLetter("malformed: x", None, b"a" * (MAX_RAW_BYTES + 1), 1)
    assert len(base64.b64decode(orjson.loads(letter.encode())["raw"])) == MAX_RAW_BYTES


def test_every_kind_has_a_golden_message() -> None:
    def whats(topic: str) -> list[str]:
        return [row.values[0]["what"] for row in rows(topic)]

    assert whats("incidents") == [kind.value for kind in IncidentKind]
    assert whats("feed") == [state.value for state in FeedState]
    assert whats("dead_letters") == [*(reason.value for reason in Reason), "a record of the topic"]
    newest = {row.values[0]["what"]: row.values[0]["value"] for row in rows("forecasts")}
    for what in ("forecast", "refusal"):
        assert list(newest[what]) == list(Forecast.__slots__)
    assert {row.values[0]["value"]["kind"] for row in rows("trades")} == {"TRADE", "CLOSE", "GAP"}
