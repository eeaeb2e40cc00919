"""Kafka rows of the topic `trades` → columns of a record. Bad bytes become nulls, never an error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses
from pyspark.sql.avro.functions import from_avro

from conf.contracts.trade_schemas import RELEASED_SCHEMAS, TRADE_SCHEMA_JSON
from conf.contracts.trades import WIRE_HEADER

RECORD_COLUMNS = (
    "kind",
    "symbol",
    "trade_id",
    "price",
    "quantity",
    "buyer_is_maker",
    "trade_time_ms",
    "received_time_ms",
    "close",
    "gap",
    "time_fell",
)
UNKNOWN_SCHEMA_COLUMN = "has_unknown_schema"
_MODE = {"mode": "PERMISSIVE"}


def decode_records(
    rows: DataFrame,
    schema_id: int,
    writers: Mapping[int, str] = RELEASED_SCHEMAS,
    columns: Iterable[str] = RECORD_COLUMNS,
) -> DataFrame:
    """Return one row per Kafka row with the record's columns, beside the columns of `rows`.

    Each record is read with the schema that it was written with, whichever of the known ones, and
    has the fields of the present one: those that it lacks have their defaults. A wrong magic byte, an
    unknown schema id, a null value or bytes that do not decode give a row whose `kind` is null (or
    senseless: `predicate.rejection` looks at every field); a query never stops because of what it
    reads. `has_unknown_schema` tells a whole header with an unknown id from other bytes that did
    not decode; it is null where `kind` is not.

    Args:
        rows: a frame with a binary column `value`, and any others.
        schema_id: the id that the producers write in front of each record.
        writers: JSON of the other schemas that may occur, by id; by default the released ones.
        columns: which of the record's fields; by default those that a candle needs.
    """
    others = {one: text for one, text in writers.items() if one != schema_id}
    header = F.substring("value", 1, WIRE_HEADER.size)
    body = F.expr(f"substring(value, {WIRE_HEADER.size + 1})")
    columns = tuple(columns)
    # Fields that nobody asks for are skipped; each text would be copied twice.
    reading = {**_MODE, "avroSchema": _part_of_schema({"kind", *columns})}
    # The present id first: a record that has it costs nothing for the others.
    record = F.when(header == _header(schema_id), from_avro(body, TRADE_SCHEMA_JSON, reading))
    for other, text in others.items():
        record = record.when(header == _header(other), from_avro(body, text, reading))
    is_known = header.isin(*(_header(one) for one in (schema_id, *others)))
    is_unknown = (F.length("value") > WIRE_HEADER.size) & (
        F.substring("value", 1, 1) == F.lit(bytearray(1))
    )
    return rows.withColumn("record", record).select(
        *rows.columns,
        *(F.col(f"record.{name}") for name in columns),
        F.when(F.col("record.kind").isNull(), is_unknown & ~is_known).alias(UNKNOWN_SCHEMA_COLUMN),
    )


def _part_of_schema(names: Set[str]) -> str:
    schema = json.loads(TRADE_SCHEMA_JSON)
    fields = [field for field in schema["fields"] if field["name"] in names]
    return json.dumps({**schema, "fields": fields})


def _header(schema_id: int) -> Column:
    return F.lit(bytearray(WIRE_HEADER.pack(0, schema_id)))
