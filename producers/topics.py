"""Makes the topics of a namespace, or checks that existing ones fit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from conf.connections.kafka import BrokerError, connected_admin
from conf.names import DAY_MS, Namespace
from conf.settings import KafkaSettings, RunSettings
from producers.errors import StartupError
from producers.kafka_errors import CLIENT_LOG, kafka_error

log = structlog.get_logger(__name__)

TIMEOUT_S = 6.0
LIST_AGAIN_S = 0.1
# One message a second and symbol: without small segments nothing would be compacted for a week.
FEED = {
    "cleanup.policy": "compact",
    "segment.ms": str(600_000),
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": str(600_000),
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be.

    `config` is set at creation; of an existing topic only the options in `checked` must be equal,
    since retention is the operator's to change.
    """

    name: str
    partitions: int
    config: dict[str, str]
    checked: tuple[str, ...] = field(default=("cleanup.policy",))


def topic_specs(kafka: KafkaSettings, namespace: Namespace) -> list[TopicSpec]:
    """Return the topics of a namespace."""
    delete = {"cleanup.policy": "delete"}
    trades = delete | {
        "retention.ms": str(7 * DAY_MS),
        "compression.type": "lz4",
        "message.timestamp.type": "LogAppendTime",
    }
    candles = {"cleanup.policy": "compact,delete", "retention.ms": str(90 * DAY_MS)}
    return [
        TopicSpec(
            namespace.trades_topic,
            kafka.trades_partitions,
            trades,
            ("cleanup.policy", "message.timestamp.type"),
        ),
        TopicSpec(namespace.dead_topic, 1, delete | {"retention.ms": str(30 * DAY_MS)}),
        TopicSpec(namespace.incidents_topic, 1, delete | {"retention.ms": str(90 * DAY_MS)}),
        TopicSpec(namespace.feed_topic, 1, FEED, ("cleanup.policy",)),
        TopicSpec(namespace.candles_topic, 1, candles),
        TopicSpec(namespace.forecasts_topic, 1, delete | {"retention.ms": str(90 * DAY_MS)}),
    ]


def ensure_topics(kafka: KafkaSettings, run: RunSettings) -> None:
    """Create what is missing and check what is there; does nothing on a second call.

    Whose trades a topic holds is checked where its tail is read (`producers.tail`).

    Raises:
        StartupError: if no broker answers, a topic cannot be made, or one has other settings.
    """
    specs = topic_specs(kafka, Namespace(run.namespace))
    try:
        admin, listed = connected_admin(kafka, TIMEOUT_S, CLIENT_LOG)
        missing = [spec for spec in specs if spec.name not in listed]
        made = _create(admin, missing, kafka.replication_factor)
        _check(admin, [spec for spec in specs if spec.name not in made])
    except BrokerError as error:
        raise StartupError(str(error)) from error
    except KafkaException as error:
        message = f"the topics cannot be looked at: {kafka_error(error).str()}"
        raise StartupError(message) from error


def topic_exists(kafka: KafkaSettings, name: str) -> bool:
    """Tell whether a topic exists.

    Raises:
        StartupError: if no broker answers.
    """
    try:
        _, listed = connected_admin(kafka, TIMEOUT_S, CLIENT_LOG)
    except BrokerError as error:
        raise StartupError(str(error)) from error
    return name in listed


def _create(admin: AdminClient, specs: list[TopicSpec], replication: int) -> set[str]:
    """Create topics and return the names of those that did not exist."""
    if not specs:
        return set()
    topics = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=replication,
            config=spec.config | ({"min.insync.replicas": "2"} if replication >= 3 else {}),
        )
        for spec in specs
    ]
    made = set()
    for name, future in admin.create_topics(topics, request_timeout=TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            cause = kafka_error(error)
            # Another shard that starts at the same moment may be first.
            if cause.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                message = f"topic {name} cannot be made: {cause.str()}"
                raise StartupError(message) from error
        else:
            made.add(name)
            log.info("topic made", topic=name)
    return made


def _check(admin: AdminClient, specs: list[TopicSpec]) -> None:
    for spec in specs:
        # First, since it waits for a topic that another shard has made a moment ago.
        found = _partitions(admin, spec.name)
        if found != spec.partitions:
            message = (
                f"topic {spec.name} has {found} partitions, not {spec.partitions}: symbols must not "
                "move, so set NEXTHOUR_KAFKA_TRADES_PARTITIONS or use another NEXTHOUR_NAMESPACE"
            )
            raise StartupError(message)
    resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs]
    configs = admin.describe_configs(resources, request_timeout=TIMEOUT_S) if resources else {}
    by_name = {resource.name: future.result() for resource, future in configs.items()}
    for spec in specs:
        for option in spec.checked:
            value = by_name[spec.name][option].value
            if sorted(value.split(",")) != sorted(spec.config.get(option, value).split(",")):
                message = (
                    f"topic {spec.name} has {option}={value}, not {spec.config[option]}: "
                    "change it or use another NEXTHOUR_NAMESPACE"
                )
                raise StartupError(message)


def _partitions(admin: AdminClient, name: str) -> int:
    """Return the partitions of an existing topic; one that was just made is listed a moment later."""
    give_up_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < give_up_s:
        topic = admin.list_topics(name, timeout=TIMEOUT_S).topics.get(name)
        if topic is not None and topic.error is None and topic.partitions:
            return len(topic.partitions)
        time.sleep(LIST_AGAIN_S)
    message = f"topic {name} exists and has no leader; look after the brokers"
    raise StartupError(message)
