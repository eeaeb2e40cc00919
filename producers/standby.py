"""A hot standby: waits beside the active producer of its shard and tells when to take over.

The sign of life is the feed status that each producer publishes once a second, inside its
transactions: whoever cannot commit any more shows none. Time counts only while the broker answers,
so that an outage of Kafka is not taken for one of the producer; after one the active producer has at
least half of the time again, to be connected. Taking over too soon would do no
harm: the older one is fenced, and nothing is doubled or lost.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from conf.contracts.errors import ContractError
from conf.contracts.feed import FeedState, decode_feed_status
from conf.settings import KafkaSettings
from producers.kafka_errors import CLIENT_LOG

log = structlog.get_logger(__name__)

POLL_S = 0.25
REQUEST_S = 2.0


def wait_for_turn(
    kafka: KafkaSettings,
    topic: str,
    shard: str,
    after_s: float,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Block until the active producer of a shard has stopped, or shown no sign of life for long.

    Args:
        kafka: where the brokers are.
        topic: the feed topic.
        shard: such as ``1/1``.
        after_s: wall seconds of silence.
        is_cancelled: asked now and then; ends the wait early.
    """
    consumer = Consumer(
        kafka.client_config()
        | {
            "group.id": f"{topic}.standby.{uuid.uuid4().hex}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "latest",
        },
        logger=CLIENT_LOG,
    )
    partition = TopicPartition(topic, 0)
    try:
        end = _end(consumer, partition)
        while end is None and not is_cancelled():
            end = _end(consumer, partition)
        consumer.assign([TopicPartition(topic, 0, end or 0)])
        log.info("standing by", shard=shard)
        seen_s = asked_s = time.monotonic()
        while not is_cancelled():
            state = _state_of(consumer.poll(POLL_S), shard)
            now_s = time.monotonic()
            if state is FeedState.STOPPED:
                log.info("the active producer has stopped", shard=shard)
                return
            if state is not None:
                seen_s = now_s
            if now_s - asked_s >= 1.0:
                if _end(consumer, partition) is None:
                    now_s = time.monotonic()
                    seen_s = max(seen_s + now_s - asked_s, now_s - after_s / 2)
                asked_s = now_s
            if now_s - seen_s >= after_s:
                log.warning("the active producer shows no sign of life", shard=shard)
                return
    finally:
        consumer.close()


def _end(consumer: Consumer, partition: TopicPartition) -> int | None:
    """Return the end of the topic, None while no broker answers."""
    try:
        _, end = consumer.get_watermark_offsets(partition, timeout=REQUEST_S)
    except KafkaException:
        return None
    return int(end)


def _state_of(message: object | None, shard: str) -> FeedState | None:
    """Return what a message says of the shard's producer, None if nothing."""
    if message is None or message.error():  # type: ignore[attr-defined] # untyped client
        return None
    try:
        status = decode_feed_status(message.value())  # type: ignore[attr-defined]
    except ContractError:
        return None
    return status.state if status.producer == shard else None
