"""Codec of the topic `trades`: Confluent wire format (magic byte 0, 4-byte schema id, Avro body).

Pure: bytes in, records out. The contract is the schema in `trade_schemas`.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from conf.contracts.errors import ContractError
from conf.contracts.trade_schemas import RELEASED_SCHEMAS, TRADE_SCHEMA_JSON

SCALE = 8
UNIT = Decimal(10) ** SCALE
INT64_MAX = 2**63 - 1
WIRE_HEADER = struct.Struct(">bI")

_SCHEMA = fastavro.parse_schema(json.loads(TRADE_SCHEMA_JSON))

WriterSchemas = Mapping[int, Any]
"""Parsed Avro schemas by schema id."""

Kind = Literal["TRADE", "CLOSE", "GAP"]
NEVER_EXISTED = "never_existed"
"""How the reason of a GAP begins whose ids REST proved never to exist; it disputes no hour."""


@dataclass(frozen=True, slots=True)
class Close:
    """The exchange's own figures for an hour. Prices × 10^8, volumes decimal strings."""

    open_time_ms: int
    witness: str
    first_trade_id: int | None = None
    last_trade_id: int | None = None
    trades: int | None = None
    open: int | None = None
    high: int | None = None
    low: int | None = None
    close: int | None = None
    volume: str | None = None
    quote_volume: str | None = None
    taker_buy_volume: str | None = None
    taker_buy_quote_volume: str | None = None
    begins_at_id: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Ids ``[first_id, last_id]`` that will never be in the topic."""

    first_id: int
    last_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """One record of the topic. Times are UTC epoch ms; price and quantity × 10^8."""

    kind: Kind
    symbol: str
    trade_time_ms: int
    received_time_ms: int
    source: str
    trade_id: int | None = None
    price: int | None = None
    quantity: int | None = None
    buyer_is_maker: bool | None = None
    event_time_ms: int | None = None
    close: Close | None = None
    gap: Gap | None = None
    time_fell: bool = False


def scaled(text: str) -> int:
    """Return an exact decimal string × 10^8 as an integer.

    Raises:
        ContractError: if it is no finite number, has more than 8 decimals, or does not fit 64 bit.
    """
    try:
        number = Decimal(text)
    except (ArithmeticError, ValueError, TypeError) as error:
        message = f"{text!r} is no number"
        raise ContractError(message) from error
    if not number.is_finite():
        message = f"{text!r} is not finite"
        raise ContractError(message)
    if number and number.adjusted() > 18 - SCALE:
        message = f"{text!r} does not fit 64 bit at 10^-{SCALE}"
        raise ContractError(message)
    units = number.scaleb(SCALE)
    value = int(units)
    if value != units:
        message = f"{text!r} has more than {SCALE} decimals"
        raise ContractError(message)
    if not -INT64_MAX <= value <= INT64_MAX:
        message = f"{text!r} does not fit 64 bit at 10^-{SCALE}"
        raise ContractError(message)
    return value


def unscaled(value: int) -> Decimal:
    """Return a scaled integer as an exact decimal."""
    return Decimal(value).scaleb(-SCALE)


def encode(record: TradeRecord, schema_id: int) -> bytes:
    """Return the wire bytes of a record."""
    fields = {name: getattr(record, name) for name in TradeRecord.__slots__}
    fields["close"] = asdict(record.close) if record.close else None
    fields["gap"] = asdict(record.gap) if record.gap else None
    return encode_fields(fields, schema_id)


def encode_fields(fields: Mapping[str, Any], schema_id: int) -> bytes:
    """Return the wire bytes of a record that is given as the schema's fields, all of them."""
    buffer = io.BytesIO()
    buffer.write(WIRE_HEADER.pack(0, schema_id))
    fastavro.schemaless_writer(buffer, _SCHEMA, fields)
    return buffer.getvalue()


def writer_schemas(by_id: Mapping[int, str]) -> dict[int, Any]:
    """Return what `decode` needs to read records of earlier schemas.

    Args:
        by_id: schema id → JSON of the schema that records with this id were written with.

    Raises:
        ContractError: if one of them is no Avro schema.
    """
    schemas = {}
    for schema_id, text in by_id.items():
        try:
            schemas[schema_id] = fastavro.parse_schema(json.loads(text))
        except (ValueError, KeyError, TypeError, SchemaParseException) as error:
            message = f"schema {schema_id} is none: {error}"
            raise ContractError(message) from error
    return schemas


_RELEASED = writer_schemas(RELEASED_SCHEMAS)


def decode(
    message: bytes, schema_id: int, earlier: WriterSchemas = MappingProxyType(_RELEASED)
) -> TradeRecord:
    """Return the record of a message.

    Args:
        message: the wire bytes.
        schema_id: id of the current schema.
        earlier: schemas of other ids that may occur (`writer_schemas`); by default the released
            ones by their numbers. Fields that a record's own schema lacks have their defaults,
            ones that it adds are left out.

    Raises:
        ContractError: on a wrong magic byte, an unknown schema id, or bytes that do not decode.
    """
    if len(message) <= WIRE_HEADER.size:
        text = f"message of {len(message)} bytes is shorter than its header"
        raise ContractError(text)
    magic, found_id = WIRE_HEADER.unpack_from(message)
    writer = _SCHEMA if found_id == schema_id else earlier.get(found_id)
    if magic != 0 or writer is None:
        text = f"magic byte {magic}, schema id {found_id}; expected 0 and {schema_id}"
        raise ContractError(text)
    try:
        fields: Any = fastavro.schemaless_reader(
            io.BytesIO(message[WIRE_HEADER.size :]), writer, _SCHEMA
        )
    except (
        EOFError,
        ValueError,
        TypeError,
        IndexError,
        StopIteration,
        struct.error,
        SchemaResolutionError,
    ) as error:
        text = f"Avro body does not decode: {error}"
        raise ContractError(text) from error
    fields["close"] = Close(**fields["close"]) if fields["close"] else None
    fields["gap"] = Gap(**fields["gap"]) if fields["gap"] else None
    return TradeRecord(**fields)
