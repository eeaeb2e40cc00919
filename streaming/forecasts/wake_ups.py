"""The stream that calls the forecast handler: a clock, and a call as soon as a candle is final."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from conf.names import Namespace
from conf.settings import KafkaSettings
from streaming.kafka_source import java_options


def wake_ups(session: SparkSession, kafka: KafkaSettings, namespace: Namespace) -> DataFrame:
    """Return a stream that has new rows when a candle became final, and once a second anyway.

    `foreachBatch` is not called without new data, and the grace of an hour ends without any. Its
    one column says nothing: what is due is read from the tables.
    """
    # The topic is compacted and aged out. A wake-up that is gone is no loss: hours are read from
    # the tables.
    candles = (
        session.readStream.format("kafka")
        .options(**java_options(kafka))
        .option("subscribe", namespace.candles_topic)
        .option("kafka.isolation.level", "read_committed")
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "false")
        .load()
    )
    ticks = session.readStream.format("rate").option("rowsPerSecond", 1).load()
    wake_up = F.lit(1).alias("wake_up")
    return candles.select(wake_up).unionAll(ticks.select(wake_up))
