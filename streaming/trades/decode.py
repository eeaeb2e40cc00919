"""Kafka rows of the topic `trades` → columns of a record. Bad bytes become nulls, never an error."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses
from pyspark.sql.avro.functions import from_avro

from conf.contracts.trades import TRADE_SCHEMA_JSON, WIRE_HEADER

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
)


def decode_records(rows: DataFrame, schema_id: int) -> DataFrame:
    """Return one row per Kafka row (its `value`) with the record's columns.

    A wrong magic byte, another schema id, a null value or bytes that do not decode give a row whose
    `kind` is null (or senseless: `predicate.rejection` looks at every field); a query never stops
    because of what it reads.

    Args:
        rows: a frame with a binary column `value`.
        schema_id: the id that the producers write in front of each record.
    """
    header = WIRE_HEADER.pack(0, schema_id)
    size = WIRE_HEADER.size
    value = F.col("value")
    body = F.when(
        F.substring(value, 1, size) == F.lit(bytearray(header)),
        F.expr(f"substring(value, {size + 1})"),
    )
    record = from_avro(body, TRADE_SCHEMA_JSON, {"mode": "PERMISSIVE"}).alias("record")
    return rows.select(record).select(*(f"record.{name}" for name in RECORD_COLUMNS))
