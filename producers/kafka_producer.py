"""The transactional Kafka client of a shard: its options, its beginning by fencing, and its end."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaException, Producer

from conf.names import Namespace
from conf.producer import ProducerSettings
from conf.settings import KafkaSettings
from producers.kafka_errors import CLIENT_LOG, kafka_error, translated

log = structlog.get_logger(__name__)

DISPOSE_S = 1.0
VENUE_HEADER = "venue"
"""The exchange that a record is from; records without it are a stranger's."""
WRITER_HEADER = "writer"
"""Transactional id of the producer that wrote a record: who must be fenced when symbols move."""


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """What a sink needs to know."""

    kafka: KafkaSettings
    settings: ProducerSettings
    namespace: Namespace
    venue: str
    shard: str


def producer_options(config: SinkConfig) -> dict[str, object]:
    """Return the options of the Kafka client."""
    return config.kafka.client_config() | {
        "transactional.id": config.namespace.transactional_id(config.shard),
        "transaction.timeout.ms": config.kafka.transaction_timeout_ms,
        "enable.idempotence": True,
        "acks": "all",
        # A committed transaction is the report of all its records; only failures are told singly.
        "delivery.report.only.error": True,
        # As Java's clients do, so that a symbol has one partition whoever writes.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "queue.buffering.max.messages": 200_000,
    }


def fence(config: SinkConfig, transactional_id: str) -> None:
    """End the producer that wrote under another transactional id: its symbols are ours now.

    Blocks; call it from a thread.

    Raises:
        SinkBrokenError: if the brokers do not answer in `kafka_timeout_s`.
    """
    options = producer_options(config) | {"transactional.id": transactional_id}
    producer = Producer(options, logger=CLIENT_LOG)
    try:
        producer.init_transactions(config.settings.kafka_timeout_s)
    except KafkaException as error:
        raise translated(error, f"fencing {transactional_id}") from error
    finally:
        dispose(producer)
    log.info("former owner fenced", transactional_id=transactional_id)


def open_producer(config: SinkConfig, tries: int | None = None) -> Producer:
    """Return a producer that is the only one of its shard: older ones are fenced from here on.

    Blocks; call it from a thread. While no broker answers the same client asks again: one that was
    given up would go on asking in the background, and fence its successor when the broker is back.

    Args:
        config: what it needs to know.
        tries: how often to ask, `kafka_timeout_s` each; for ever if None.

    Raises:
        FencedError: if a newer one started meanwhile.
        SinkBrokenError: if the brokers did not answer, or refuse.
    """
    producer = Producer(producer_options(config), logger=CLIENT_LOG)
    tried = 0
    while True:
        tried += 1
        try:
            producer.init_transactions(config.settings.kafka_timeout_s)
        except KafkaException as error:
            cause = kafka_error(error)
            if cause.retriable() and tried != tries:
                log.warning("the brokers do not answer, asking again", error=cause.str())
                continue
            dispose(producer)
            raise translated(error, "init_transactions") from error
        return producer


def dispose(producer: Producer) -> None:
    """End a client whose records are of no use any more, with all that it does in the background."""
    with warnings.catch_warnings():
        # It warns of a transaction that cannot be aborted any more; its outcome is read elsewhere.
        warnings.simplefilter("ignore", RuntimeWarning)
        producer.purge()
        producer.close(DISPOSE_S)
