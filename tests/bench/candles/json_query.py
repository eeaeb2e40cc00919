"""The exchange's combined-stream JSON → the columns of a record: what Avro saves."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from streaming.trades.decode import RECORD_COLUMNS, UNKNOWN_SCHEMA_COLUMN

_KLINE = "t bigint, f bigint, L bigint, o string, c string, h string, l string, v string, n bigint, x boolean, q string, V string, Q string"
_SCHEMA = f"data struct<e string, E bigint, s string, t bigint, p string, q string, T bigint, m boolean, k struct<{_KLINE.replace(' ', ':').replace(',:', ', ')}>>"


def _scaled(text: Column) -> Column:
    return (text.cast("decimal(18,8)") * 10**8).cast("bigint")


def decode_json(rows: DataFrame) -> DataFrame:
    """Return one row per message (its `value`) with the columns that `decode_records` gives.

    A trade gives a TRADE, the closed kline of an hour its CLOSE.
    """
    # Names that differ in case only: E and e, T and t.
    rows.sparkSession.conf.set("spark.sql.caseSensitive", "true")
    read = F.from_json(F.col("value").cast("string"), _SCHEMA).alias("message")
    at = rows.select(read).select("message.data.*")
    is_trade, is_close = F.col("e") == "trade", (F.col("e") == "kline") & F.col("k.x")
    close = F.struct(
        F.col("k.t").alias("open_time_ms"),
        F.lit("STREAM").alias("witness"),
        F.col("k.f").alias("first_trade_id"),
        F.col("k.L").alias("last_trade_id"),
        F.col("k.n").alias("trades"),
        _scaled(F.col("k.o")).alias("open"),
        _scaled(F.col("k.h")).alias("high"),
        _scaled(F.col("k.l")).alias("low"),
        _scaled(F.col("k.c")).alias("close"),
        F.col("k.v").alias("volume"),
        F.col("k.q").alias("quote_volume"),
        F.col("k.V").alias("taker_buy_volume"),
        F.col("k.Q").alias("taker_buy_quote_volume"),
        F.lit(None).cast("bigint").alias("begins_at_id"),
    )
    columns = {
        "kind": F.when(is_trade, "TRADE").when(is_close, "CLOSE"),
        "symbol": F.col("s"),
        "trade_id": F.col("t"),
        "price": _scaled(F.col("p")),
        "quantity": _scaled(F.col("q")),
        "buyer_is_maker": F.col("m"),
        # The kline's own event comes after its hour.
        "trade_time_ms": F.when(is_close, F.col("k.t")).otherwise(F.col("T")),
        "event_time_ms": F.col("E"),
        "received_time_ms": F.col("E"),
        "source": F.lit("STREAM"),
        "close": F.when(is_close, close),
        "gap": F.lit(None).cast("struct<first_id:bigint,last_id:bigint,reason:string>"),
        "time_fell": F.expr("false"),
    }
    has_unknown_schema = F.lit(None).cast("boolean").alias(UNKNOWN_SCHEMA_COLUMN)
    return at.select(*(columns[name].alias(name) for name in RECORD_COLUMNS), has_unknown_schema)
