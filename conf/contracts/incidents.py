"""What happened to the feed or to a query, as a message of the topic `incidents`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from conf.contracts.json_messages import decoded


class IncidentKind(StrEnum):
    """What kinds there are; stable names."""

    GAP_FOUND = "gap_found"
    GAP_FILLED = "gap_filled"
    GAP_DECLARED = "gap_declared"
    NEVER_EXISTED = "never_existed"
    HALTED = "halted"
    WITNESS_DISPUTED = "witness_disputed"
    STREAM_LOST = "stream_lost"
    STREAM_BACK = "stream_back"
    HANDOVER = "handover"
    SERVER_SHUTDOWN = "server_shutdown"
    SILENT = "silent"
    STATUS_CHANGED = "status_changed"
    REST_LIMITED = "rest_limited"
    SESSION_BROKEN = "session_broken"
    STARTED = "started"
    STOPPED = "stopped"
    QUERY_FAILED = "query_failed"
    QUERY_RECOVERED = "query_recovered"
    IMBALANCE = "imbalance"
    ROWS_DROPPED = "rows_dropped"
    LATE_TRADES = "late_trades"
    REPAIRED = "repaired"


ALARMS = frozenset(
    (
        IncidentKind.GAP_DECLARED,
        IncidentKind.WITNESS_DISPUTED,
        IncidentKind.SILENT,
        IncidentKind.STATUS_CHANGED,
        IncidentKind.SESSION_BROKEN,
        IncidentKind.QUERY_FAILED,
        IncidentKind.IMBALANCE,
        IncidentKind.ROWS_DROPPED,
        IncidentKind.LATE_TRADES,
    )
)
"""Kinds that a person should look at; the others are the system doing its work."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One event. Times are UTC epoch ms of the exchange's clock.

    Attributes:
        kind: what happened.
        producer: who saw it: the shard of a producer, such as ``1/1``, or the name of a query or job.
        started_ms: when it began.
        ended_ms: when it was over; None while it lasts, or where it has no length.
        symbol: whose series it concerns; None if the whole producer's.
        first_id: first trade id concerned, if ids are.
        last_id: last trade id concerned.
        detail: one line for people.
    """

    kind: IncidentKind
    producer: str
    started_ms: int
    ended_ms: int | None = None
    symbol: str | None = None
    first_id: int | None = None
    last_id: int | None = None
    detail: str = ""

    @property
    def duration_ms(self) -> int | None:
        """Exchange time from start to end; None without an end."""
        return None if self.ended_ms is None else self.ended_ms - self.started_ms

    @property
    def key(self) -> bytes:
        """Kafka key: the symbol, or the producer."""
        return (self.symbol or self.producer).encode()


def encode_incident(incident: Incident) -> bytes:
    """Return the JSON message of an incident."""
    fields: dict[str, Any] = {name: getattr(incident, name) for name in Incident.__slots__}
    return orjson.dumps(fields | {"duration_ms": incident.duration_ms})


def decode_incident(message: bytes) -> Incident:
    """Return the incident of a message; fields added later are ignored.

    Raises:
        ContractError: if it is no incident.
    """
    return decoded(message, Incident, "incident", {"kind": IncidentKind})
