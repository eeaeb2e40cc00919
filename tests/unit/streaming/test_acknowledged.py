"""A sink's topic when no broker answers."""

from __future__ import annotations

import pytest

from conf.settings import KafkaSettings
from streaming.acknowledged import AcknowledgedTopic
from streaming.errors import SinkError

pytestmark = pytest.mark.unit

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:9")


def test_what_is_not_delivered_in_time_ends_the_batch_and_is_forgotten() -> None:
    topic = AcknowledgedTopic(NOWHERE, "t", timeout_s=0.3)
    with pytest.raises(SinkError, match="topic t: 2 messages not delivered"):
        topic.send([(b"a", b"1"), (None, b"2")])
    assert topic.send([]) == 0, "nothing is left of the batch before"


def test_a_full_queue_waits_for_the_brokers_and_then_gives_up() -> None:
    topic = AcknowledgedTopic(
        NOWHERE, "t", {"queue.buffering.max.messages": 1, "delivery.timeout.ms": 60_000}, 0.3
    )
    with pytest.raises(SinkError, match="topic t"):
        topic.send([(b"a", b"1"), (b"b", b"2")])
    assert topic.send([]) == 0
