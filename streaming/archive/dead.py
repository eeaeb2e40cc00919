"""Rejected records → messages of the topic `trades.dead`, written by Spark's executors.

Guarantee: at least once. Spark's writer fails the batch unless the brokers acknowledged every message; a
batch that comes again sends them again, and consumers tell by (topic, partition, offset). The
driver never holds what was rejected: a topic full of garbage costs it nothing.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.contracts.dead_letters import MAX_RAW_BYTES
from conf.settings import KafkaSettings
from streaming.kafka_source import java_options
from streaming.trades.predicate import FUTURE, TIME_LIMIT_MS, UNKNOWN_SCHEMA

# Garbage that decodes has any text for a symbol; a key is only made of what can be one.
SYMBOL = r"^[\p{L}\p{N}._-]{1,40}$"


def dead_letters(judged: DataFrame) -> DataFrame:
    """Return `key` and `value` (JSON) of the message of each rejected record.

    The fields are those of `conf.contracts.dead_letters.DeadLetter`. `received_time_ms` is
    the record's own; where it has none that can be, the time at which Kafka took the record.
    """
    text = F.coalesce(F.col("symbol"), F.col("key").cast("string"))
    received = F.col("received_time_ms")
    fields = {
        "reason": F.concat(F.col("rejection"), F.lit(": "), _detail()),
        "symbol": F.when(text.rlike(SYMBOL), text),
        "raw": F.base64(
            F.coalesce(F.expr(f"substring(value, 1, {MAX_RAW_BYTES})"), F.lit(bytearray()))
        ),
        "received_time_ms": F.when(received.between(0, TIME_LIMIT_MS), received).otherwise(
            F.unix_millis("timestamp")
        ),
        "topic": F.col("topic"),
        "partition": F.col("partition"),
        "offset": F.col("offset"),
    }
    rejected = judged.where(F.col("rejection").isNotNull())
    message = F.struct(*(column.alias(name) for name, column in fields.items()))
    return rejected.select(message.alias("message")).select(
        F.col("message.symbol").cast("binary").alias("key"),
        F.to_json("message", {"ignoreNullFields": "false"}).cast("binary").alias("value"),
    )


def _detail() -> Column:
    schema_id = F.conv(F.hex(F.expr("substring(value, 2, 4)")), 16, 10)
    lead = F.col("trade_time_ms") - F.col("received_time_ms")
    kind = F.col("kind")
    unread = F.concat(F.length("value").cast("string"), F.lit(" bytes that are no record"))
    return (
        F.when(
            F.col("rejection") == UNKNOWN_SCHEMA,
            F.concat(F.lit("schema id "), schema_id, F.lit(" is not known")),
        )
        .when(
            F.col("rejection") == FUTURE,
            F.concat(lead.cast("string"), F.lit(" ms later than its receipt")),
        )
        .when(
            kind.isin("TRADE", "CLOSE", "GAP"),
            F.concat(kind, F.lit(" with fields that cannot be")),
        )
        .when(kind.isNotNull(), F.lit("a record of no known kind"))
        .when(F.col("value").isNull(), F.lit("no value"))
        .otherwise(unread)
    )


def send_dead_letters(judged: DataFrame, kafka: KafkaSettings, topic: str) -> int:
    """Send the message of each rejected record; return how many the brokers acknowledged."""
    sent = Observation()
    letters = dead_letters(judged).observe(sent, F.count(F.lit(1)).alias("letters"))
    letters.write.format("kafka").options(**java_options(kafka)).option("topic", topic).save()
    return int(sent.get["letters"])
