"""What is done to the producers, and by which signs each fault must show. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from conf.producer import ABORT_POINTS


class Group(StrEnum):
    """Where a fault strikes."""

    MESSAGE = "message"
    CONNECTION = "connection"
    REST = "rest"
    BROKER = "broker"
    PROCESS = "process"
    LOAD = "load"
    BOOK = "book"


class Where(StrEnum):
    """Where a sign is looked for."""

    COUNTER = "counter"
    INCIDENT = "incident"
    DEAD_LETTER = "dead letter"
    EXIT = "exit code"
    RECORD = "record"
    NO_TRACE = "no trace"


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that grows by one, or more, for each fault.

    Attributes:
        where: counter of the running producer, incident, dead letter, exit code of a producer, or
            record of the topic `trades` (those are counted once, at the end). A harmless fault
            must leave no trace: it happened, and no message was refused for it.
        name: of the counter, the incident's kind, the dead letter's reason, the code, the witness.
        per_symbol: whether it is counted for the fault's own symbol.
        label: one label that the counter must have, as ``name=value``.
        least: by how much it grows at least.
        is_weak: it may have another cause, so it counts only when nothing else has shown in time.
    """

    where: Where
    name: str
    per_symbol: bool = False
    label: str = ""
    least: int = 1
    is_weak: bool = False

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
        patience_s: how long a sign may take. A message fault waits for a trade of its symbol, so
            for the end of a halted hour.
        is_own_count: whether the exchange counts it under the same name, once or more for each.
    """

    name: str
    group: Group
    count: int
    signs: tuple[Sign, ...]
    patience_s: float = 30.0
    is_own_count: bool = False


KILLED, FENCED, STOPPED = -9, 3, 0


def _counter(name: str, *, symbol: bool = False, label: str = "", least: int = 1) -> Sign:
    return Sign(Where.COUNTER, name, symbol, label, least)


def _incident(name: str, *, symbol: bool = False) -> Sign:
    return Sign(Where.INCIDENT, name, symbol)


def _dead(reason: str) -> Sign:
    return Sign(Where.DEAD_LETTER, reason)


_GAP = (_incident("gap_filled", symbol=True), _counter("gaps_filled_total", symbol=True))
# One that is struck while it is being replaced is not missed; then only the handover is told.
_LOST = (_incident("stream_lost"), Sign(Where.INCIDENT, "handover", is_weak=True))
_BROKEN = (_incident("session_broken"), _counter("session_rebuilds"))
_STARTED = (_incident("started"), _incident("gap_filled"))

_DISORDER = (
    _counter("reordered_total", symbol=True),
    _counter("duplicates_total", symbol=True),
    *_GAP,
)


def _kinds() -> list[Kind]:
    message, connection = Group.MESSAGE, Group.CONNECTION

    def by_exchange(name: str, group: Group, count: int, *signs: Sign) -> Kind:
        # What waits for a trade may wait for a halted hour and a quiet one after it: 30 s.
        waits_for_trade = group in (message, Group.LOAD) or name == "truncated_frame"
        patience_s = 45.0 if waits_for_trade else 20.0
        return Kind(name, group, count, signs, patience_s, is_own_count=True)

    return [
        by_exchange("drop", message, 36, *_GAP),
        by_exchange("duplicate", message, 14, _counter("duplicates_total", symbol=True)),
        by_exchange("reorder", message, 12, *_DISORDER),
        by_exchange("delay", message, 10, *_DISORDER),
        by_exchange("malformed", message, 12, _dead("malformed")),
        by_exchange("unknown_event", message, 10, _dead("unknown_event")),
        by_exchange("bad_price", message, 10, _dead("bad_price")),
        by_exchange("future_time", message, 10, _dead("future_time")),
        by_exchange("past_time", message, 8, _dead("past_time")),
        by_exchange("new_field", message, 8, Sign(Where.NO_TRACE, "accepted")),
        by_exchange("drop_kline", message, 8, Sign(Where.RECORD, "CLOSE by REST", True)),
        by_exchange("truncated_frame", connection, 6, *_LOST),
        by_exchange("cut", connection, 24, *_LOST),
        by_exchange("close", connection, 10, *_LOST),
        by_exchange("half_open", connection, 5, *_LOST),
        by_exchange("life", connection, 3, *_LOST),
        by_exchange("shutdown", connection, 5, _incident("server_shutdown")),
        by_exchange("refuse", connection, 4, _counter("stream_failures")),
        Kind("rate_limit", Group.REST, 6, (_incident("rest_limited"),)),
        Kind("ban", Group.REST, 3, (_incident("rest_limited"),)),
        by_exchange("rest_error", Group.REST, 8, _counter("rest_errors")),
        by_exchange("rest_stall", Group.REST, 4, _counter("rest_errors")),
        by_exchange("rest_lag", Group.REST, 4, *_GAP),
        Kind("broker_term", Group.BROKER, 2, _BROKEN, 60.0),
        Kind("broker_kill", Group.BROKER, 2, _BROKEN, 60.0),
        Kind("broker_pause", Group.BROKER, 2, _BROKEN, 60.0),
        Kind("kill", Group.PROCESS, 6, _STARTED),
        Kind("kill_starting", Group.PROCESS, 2, _STARTED),
        Kind("kill_at", Group.PROCESS, len(ABORT_POINTS), _STARTED),
        Kind("second", Group.PROCESS, 4, (Sign(Where.EXIT, str(FENCED)),)),
        Kind("zombie", Group.PROCESS, 2, (Sign(Where.EXIT, str(FENCED)),)),
        Kind("restart", Group.PROCESS, 2, (_incident("stopped"), _incident("gap_filled"))),
        by_exchange(
            "burst", Group.LOAD, 2, _counter("trades_received_total", symbol=True, least=10_000)
        ),
        # Settings of the exchange; judged at the end.
        Kind("absent_ids", Group.BOOK, 0, (Sign(Where.RECORD, "incident never_existed", True),)),
        Kind("quiet_hour", Group.BOOK, 0, (Sign(Where.RECORD, "CLOSE with 0 trades", True),)),
        Kind("halted_hour", Group.BOOK, 0, (Sign(Where.RECORD, "incident halted", True),)),
    ]


KINDS: dict[str, Kind] = {kind.name: kind for kind in _kinds()}
