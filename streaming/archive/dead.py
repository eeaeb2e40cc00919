"""Rejected records → messages of the topic `trades.dead`.

Guarantee: at least once (idempotence key: topic, partition and offset of the record, in the message). A
batch goes on only when the brokers have acknowledged every message; one that comes again sends them
again. Rejected rows come to the driver a few hundred at a time, so a topic full of garbage does not fill it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.contracts.dead_letters import MAX_RAW_BYTES, DeadLetter
from conf.settings import KafkaSettings
from streaming.acknowledged import AcknowledgedTopic
from streaming.trades.predicate import FUTURE, TIME_LIMIT_MS, UNKNOWN_SCHEMA

# Garbage that decodes has any text for a symbol; a key is only made of what can be one.
SYMBOL = r"^[\p{L}\p{N}._-]{1,40}$"
ROWS_AT_ONCE = 500
MOST_PARTS = 2_000
WAITING_KBYTES = 64 * 1024


def dead_rows(judged: DataFrame) -> DataFrame:
    """Return the fields of `DeadLetter` for each rejected record.

    `received_time_ms` is the record's own; where it has none that can be, the time at which Kafka
    took the record.
    """
    text = F.coalesce(F.col("symbol"), F.col("key").cast("string"))
    received = F.col("received_time_ms")
    raw = F.expr(f"substring(value, 1, {MAX_RAW_BYTES})")
    fields = {
        "reason": F.concat(F.col("rejection"), F.lit(": "), _detail()),
        "symbol": F.when(text.rlike(SYMBOL), text),
        "raw": F.coalesce(raw, F.lit(bytearray())),
        "received_time_ms": F.when(received.between(0, TIME_LIMIT_MS), received).otherwise(
            F.unix_millis("timestamp")
        ),
        "topic": F.col("topic"),
        "partition": F.col("partition"),
        "offset": F.col("offset"),
    }
    rejected = judged.where(F.col("rejection").isNotNull())
    return rejected.select(*(column.alias(name) for name, column in fields.items()))


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


def dead_letters(judged: DataFrame, count: int) -> Iterator[DeadLetter]:
    """Yield the dead letter of each rejected record.

    Args:
        judged: records of `records.judge_records`.
        count: about how many of them are rejected.
    """
    parts = min(MOST_PARTS, count // ROWS_AT_ONCE + 1)
    for row in dead_rows(judged).repartition(parts).toLocalIterator():
        fields = row.asDict()
        yield DeadLetter(**fields | {"raw": bytes(fields["raw"])})


class DeadLetterTopic:
    """Sends dead letters to one topic."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        """Open the producer; it connects in the background."""
        self._topic = AcknowledgedTopic(
            kafka, topic, {"queue.buffering.max.kbytes": WAITING_KBYTES}
        )

    def send(self, letters: Iterable[DeadLetter]) -> int:
        """Send dead letters; return how many the brokers acknowledged, which is all of them.

        Raises:
            SinkError: if one was not delivered in time.
        """
        return self._topic.send((letter.key, letter.encode()) for letter in letters)

    def close(self) -> None:
        """Drop what no batch waits for any more: an interrupted one sends it again."""
        self._topic.drop()
