"""The stream that calls the forecast handler: a clock, and a call as soon as a candle is final."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.names import Namespace
from conf.settings import KafkaSettings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def wake_ups(session: SparkSession, kafka: KafkaSettings, namespace: Namespace) -> DataFrame:
    """Return a stream that has new rows when a candle became final, and once a second anyway.

    `foreachBatch` is not called without new data, and the grace of an hour ends without any. Its
    one column says nothing: what is due is read from the tables.
    """
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    candles = session.readStream.format("kafka").options(**source_options(kafka, namespace)).load()
    ticks = session.readStream.format("rate").option("rowsPerSecond", 1).load()
    wake_up = F.lit(1).alias("wake_up")
    return candles.select(wake_up).unionAll(ticks.select(wake_up))


def source_options(kafka: KafkaSettings, namespace: Namespace) -> dict[str, str]:
    """Return the options of the Kafka source for the topic `candles`."""
    options = {
        "kafka.bootstrap.servers": kafka.bootstrap_servers,
        "kafka.security.protocol": kafka.security_protocol,
        "kafka.isolation.level": "read_committed",
        "subscribe": namespace.candles_topic,
        "startingOffsets": "earliest",
        # The topic is compacted and aged out. A wake-up that is gone is no loss: hours are read
        # from the tables.
        "failOnDataLoss": "false",
    }
    if kafka.sasl_mechanism:
        options["kafka.sasl.mechanism"] = kafka.sasl_mechanism
    if kafka.sasl_username and kafka.sasl_password:
        options["kafka.sasl.jaas.config"] = _jaas(kafka)
    if kafka.ssl_ca_location:
        options["kafka.ssl.truststore.type"] = "PEM"
        options["kafka.ssl.truststore.location"] = kafka.ssl_ca_location
    return options


def _jaas(kafka: KafkaSettings) -> str:
    """Return the JVM client's login line; quotes and backslashes in it are escaped."""
    module = "plain.PlainLoginModule"
    if (kafka.sasl_mechanism or "").startswith("SCRAM"):
        module = "scram.ScramLoginModule"
    secret = kafka.sasl_password.get_secret_value() if kafka.sasl_password else ""
    user, password = (
        text.replace("\\", "\\\\").replace('"', '\\"')
        for text in (kafka.sasl_username or "", secret)
    )
    return (
        f"org.apache.kafka.common.security.{module} required "
        f'username="{user}" password="{password}";'
    )
