"""What an error of the Kafka client means for a producer process."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError, KafkaException

from producers.errors import FencedError, ProducerError, SinkBrokenError

# The client prints its own log lines on stderr otherwise; what matters of them is raised as well.
CLIENT_LOG = logging.getLogger("nexthour.kafka")
CLIENT_LOG.addHandler(logging.NullHandler())
CLIENT_LOG.propagate = False

_FENCED = frozenset(
    (
        KafkaError._FENCED,  # noqa: SLF001 - librdkafka's local codes have no public name
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    )
)


def kafka_error(error: KafkaException) -> KafkaError:
    """Return the error that an exception of the client carries."""
    return error.args[0]


def is_fenced(error: KafkaError) -> bool:
    """Tell whether a newer instance with the same transactional id took over."""
    return error.code() in _FENCED


def translated(error: KafkaException, doing: str) -> ProducerError:
    """Return the error of this package for an exception of the client.

    Returns:
        FencedError, or SinkBrokenError for everything after which the tail must be read again.
    """
    cause = kafka_error(error)
    if is_fenced(cause):
        return FencedError("another producer took over this shard (same transactional id)")
    return SinkBrokenError(f"{doing}: {cause.str()}")
