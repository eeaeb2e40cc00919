"""How Spark reads the project's topics."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from conf.settings import KafkaSettings


def java_options(kafka: KafkaSettings) -> dict[str, str]:
    """Return the options of Spark's Kafka source and sink that name the brokers and the login."""
    options = {
        "kafka.bootstrap.servers": kafka.bootstrap_servers,
        "kafka.security.protocol": kafka.security_protocol,
    }
    if kafka.sasl_mechanism:
        options["kafka.sasl.mechanism"] = kafka.sasl_mechanism
    if kafka.sasl_username and kafka.sasl_password:
        module = "scram.Scram" if "SCRAM" in (kafka.sasl_mechanism or "") else "plain.Plain"
        options["kafka.sasl.jaas.config"] = (
            f"org.apache.kafka.common.security.{module}LoginModule required "
            f"username={_quoted(kafka.sasl_username)} "
            f"password={_quoted(kafka.sasl_password.get_secret_value())};"
        )
    if kafka.ssl_ca_location:
        options["kafka.ssl.truststore.type"] = "PEM"
        options["kafka.ssl.truststore.location"] = kafka.ssl_ca_location
    return options


def _quoted(text: str) -> str:
    """Return a value of a JAAS line: a quote or backslash in a password must not end it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# A transaction ends with a marker that is no record. To get past it the consumer asks once more, and on a
# partition that is quiet just then the broker lets it wait this long (500 ms by default, partition after
# partition). Spark's consumers ask only while a batch runs, so a short wait costs nothing.
FETCH_MAX_WAIT_MS = 20


def read_stream(
    session: SparkSession, kafka: KafkaSettings, topic: str, *, max_offsets_per_trigger: int
) -> DataFrame:
    """Return a stream of a topic from its beginning, committed records only.

    Data that aged out before it was read fails the query: a hole in the input is never passed over.
    """
    return (
        session.readStream.format("kafka")
        .options(**java_options(kafka))
        .option("subscribe", topic)
        .option("kafka.isolation.level", "read_committed")
        .option("kafka.fetch.max.wait.ms", str(FETCH_MAX_WAIT_MS))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("maxOffsetsPerTrigger", str(max_offsets_per_trigger))
        .load()
    )
