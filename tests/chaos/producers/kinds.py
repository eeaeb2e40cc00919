"""What is done to the producers, and by which signs each fault must show. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """Where a fault strikes."""

    MESSAGE = "message"
    CONNECTION = "connection"
    REST = "rest"
    BROKER = "broker"
    PROCESS = "process"
    LOAD = "load"


class Where(StrEnum):
    """Where a sign is looked for."""

    COUNTER = "counter"
    INCIDENT = "incident"
    DEAD_LETTER = "dead letter"
    EXIT = "exit code"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that grows by one, or more, for each fault.

    Attributes:
        where: counter of the running producer, incident, dead letter, exit code of a producer, or
            record of the topic `trades` (those are counted once, at the end).
        name: of the counter, the incident's kind, the dead letter's reason, the code, the witness.
        per_symbol: whether it is counted for the fault's own symbol.
        label: one label that the counter must have, as ``name=value``.
        least: by how much it grows at least.
    """

    where: Where
    name: str
    per_symbol: bool = False
    label: str = ""
    least: int = 1

    def __str__(self) -> str:
        """Return it as the table shows it."""
        label = f"{{{self.label}}}" if self.label else ""
        return f"{self.where} {self.name}{label}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: stable name.
        group: where it strikes.
        count: how many a full run has.
        signs: any of these shows it; the first that grew is reported.
        patience_s: how long a sign may take.
    """

    name: str
    group: Group
    count: int
    signs: tuple[Sign, ...]
    patience_s: float = 20.0


ABORT_POINTS = (
    "received",
    "sequenced",
    "begun",
    "produced",
    "before_commit",
    "after_commit",
    "rest_answered",
)
"""Steps of the producer between which it can be told to end as if by ``kill -9``."""

KILLED, FENCED, STOPPED = -9, 3, 0


def _counter(name: str, *, symbol: bool = False, label: str = "", least: int = 1) -> Sign:
    return Sign(Where.COUNTER, name, symbol, label, least)


def _incident(name: str, *, symbol: bool = False) -> Sign:
    return Sign(Where.INCIDENT, name, symbol)


def _dead(reason: str) -> Sign:
    return Sign(Where.DEAD_LETTER, reason)


_GAP = (_incident("gap_filled", symbol=True), _counter("gaps_filled_total", symbol=True))
_LOST = (_incident("stream_lost"), _counter("stream_connects"))
_BROKEN = (_incident("session_broken"), _counter("session_rebuilds"))
_STARTED = (_incident("started"),)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("drop", Group.MESSAGE, 36, _GAP),
        Kind("duplicate", Group.MESSAGE, 14, (_counter("duplicates_total", symbol=True),)),
        Kind("reorder", Group.MESSAGE, 12, (_counter("reordered_total", symbol=True), *_GAP)),
        Kind("delay", Group.MESSAGE, 10, (_counter("reordered_total", symbol=True), *_GAP)),
        Kind("malformed", Group.MESSAGE, 12, (_dead("malformed"),)),
        Kind("unknown_event", Group.MESSAGE, 10, (_dead("unknown_event"),)),
        Kind("bad_price", Group.MESSAGE, 10, (_dead("bad_price"),)),
        Kind("future_time", Group.MESSAGE, 10, (_dead("future_time"),)),
        Kind("past_time", Group.MESSAGE, 8, (_dead("past_time"),)),
        Kind("new_field", Group.MESSAGE, 8, (_counter("unknown_fields_total", symbol=True),)),
        Kind("drop_kline", Group.MESSAGE, 8, (Sign(Where.RECORD, "REST", per_symbol=True),)),
        Kind("truncated_frame", Group.CONNECTION, 6, (*_LOST, _dead("malformed"))),
        Kind("cut", Group.CONNECTION, 24, _LOST),
        Kind("close", Group.CONNECTION, 10, _LOST),
        Kind("half_open", Group.CONNECTION, 5, _LOST, 30.0),
        Kind("shutdown", Group.CONNECTION, 5, (_incident("server_shutdown"),), 30.0),
        Kind("refuse", Group.CONNECTION, 4, (_counter("connect_failures"),), 30.0),
        Kind("rate_limit", Group.REST, 6, (_incident("rest_limited"),), 30.0),
        Kind("ban", Group.REST, 3, (_incident("rest_limited"),), 30.0),
        Kind("rest_error", Group.REST, 8, (_counter("rest_errors_total"),), 30.0),
        Kind("rest_stall", Group.REST, 4, (_counter("rest_errors_total"),), 40.0),
        Kind("rest_lag", Group.REST, 4, _GAP, 30.0),
        Kind("broker_term", Group.BROKER, 2, _BROKEN, 60.0),
        Kind("broker_kill", Group.BROKER, 2, _BROKEN, 60.0),
        Kind("broker_pause", Group.BROKER, 3, _BROKEN, 60.0),
        Kind("kill", Group.PROCESS, 6, _STARTED, 30.0),
        Kind("kill_starting", Group.PROCESS, 3, _STARTED, 30.0),
        Kind("kill_at", Group.PROCESS, 2 * len(ABORT_POINTS), _STARTED, 30.0),
        Kind("second", Group.PROCESS, 5, (Sign(Where.EXIT, str(FENCED)),), 60.0),
        Kind("zombie", Group.PROCESS, 2, (Sign(Where.EXIT, str(FENCED)),), 60.0),
        Kind("restart", Group.PROCESS, 3, (_incident("stopped"),), 30.0),
        Kind("burst", Group.LOAD, 4, (_counter("trades_received_total", least=10_000),), 40.0),
    )
}
