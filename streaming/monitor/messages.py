"""Kafka messages → what goes to Postgres: decoded, checked, and the newest status per symbol. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from conf.contracts.errors import ContractError
from conf.contracts.feed import FeedStatus, decode_feed_status
from conf.contracts.incidents import Incident, decode_incident
from conf.contracts.trades import INT64_MAX
from conf.names import Namespace

# Later than the year 2200: such a number is no time in ms, and no store takes every one of them.
TIME_LIMIT_MS = 7_258_118_400_000

Partition = tuple[str, int]
Contract = TypeVar("Contract", Incident, FeedStatus)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a topic; `time_ms` is Kafka's time of it (wall clock, UTC epoch ms)."""

    topic: str
    partition: int
    offset: int
    time_ms: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Bad:
    """A message that is none of the contract, and why."""

    message: Message
    reason: str


@dataclass(slots=True)
class Batch:
    """What some messages amount to.

    Attributes:
        incidents: every incident with its message, in order.
        feed: the newest status of each symbol with its message, later ones winning a draw.
        bad: what could not be read.
        positions: the offset after the last message of each partition.
    """

    incidents: list[tuple[Incident, Message]] = field(default_factory=list)
    feed: dict[str, tuple[FeedStatus, Message]] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    positions: dict[Partition, int] = field(default_factory=dict)


def sort_out(messages: Iterable[Message], namespace: Namespace) -> Batch:
    """Return what messages of both topics amount to; it never raises for what they hold."""
    batch = Batch()
    for message in messages:
        batch.positions[message.topic, message.partition] = message.offset + 1
        try:
            if message.topic == namespace.incidents_topic:
                batch.incidents.append((_read(message, decode_incident, INCIDENT), message))
            else:
                status = _read(message, decode_feed_status, FEED_STATUS)
                known = batch.feed.get(status.symbol)
                if known is None or known[0].updated_ms <= status.updated_ms:
                    batch.feed[status.symbol] = (status, message)
        except ContractError as error:
            batch.bad.append(Bad(message, str(error)))
    return batch


def _text(value: object) -> bool:
    # Postgres' text holds every character but this one.
    return isinstance(value, str) and "\x00" not in value


def _number(value: object) -> bool:
    return type(value) is int and -INT64_MAX <= value <= INT64_MAX


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value <= INT64_MAX


def _time(value: object) -> bool:
    return type(value) is int and 0 <= value < TIME_LIMIT_MS


def _or_none(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


Checks = Mapping[str, Callable[[object], bool]]

INCIDENT: Checks = {
    "producer": _text,
    "started_ms": _time,
    "ended_ms": _or_none(_time),
    "symbol": _or_none(_text),
    "first_id": _or_none(_count),
    "last_id": _or_none(_count),
    "detail": _text,
}
FEED_STATUS: Checks = {
    "symbol": _text,
    "producer": _text,
    "updated_ms": _time,
    "last_trade_id": _or_none(_count),
    "last_trade_time_ms": _or_none(_time),
    "lag_ms": _or_none(_number),
    "connected_since_ms": _or_none(_time),
    "held": _count,
}


def _read(message: Message, decode: Callable[[bytes], Contract], checks: Checks) -> Contract:
    """Return what a message holds, fit for every column it goes to.

    Raises:
        ContractError: if it does not fit the contract.
    """
    if message.value is None:
        text = "no value"
        raise ContractError(text)
    found = decode(message.value)
    wrong = [name for name, fits in checks.items() if not fits(getattr(found, name))]
    if wrong:
        text = f"{wrong[0]} is {str(getattr(found, wrong[0]))[:40]!r}"
        raise ContractError(text)
    return found
