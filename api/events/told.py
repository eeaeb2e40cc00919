"""Events as they are told: made of rows, ordered, written as server-sent events. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from fastapi.sse import format_sse_event

from api.events.positions import Position, event_id

EventType = Literal["candle", "forecast"]
RETRY_MS = 2_000
"""How long a browser waits before it comes again."""


@dataclass(frozen=True, slots=True)
class Event:
    """A candle or a forecast that was written.

    Attributes:
        position: its place in the order.
        type: what it is.
        symbol: whose.
        is_provisional: whether it is of an hour that still runs.
        wire: the whole server-sent event.
    """

    position: Position
    type: EventType
    symbol: str
    is_provisional: bool
    wire: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a listener wants to be told.

    Attributes:
        symbols: of these; of all if empty.
        types: candles, forecasts or both.
        provisional: also hours that still run.
    """

    symbols: frozenset[str]
    types: frozenset[str]
    provisional: bool

    def __contains__(self, event: Event) -> bool:
        """Tell whether an event is wanted."""
        return (
            event.type in self.types
            and (not self.symbols or event.symbol in self.symbols)
            and (self.provisional or not event.is_provisional)
        )


def candle_event(row: dict[str, Any], since_ms: int) -> Event:
    """Return the event of a candle's row, which has its transaction as `xid`.

    Args:
        row: the candle's document and `xid`.
        since_ms: as `Position.since_ms`.
    """
    key = ("c", row["symbol"], row["open_time"], str(row["revision"]))
    position = Position(row["xid"], key, since_ms)
    return _event("candle", row, position, is_provisional=row["status"] == "provisional")


def forecast_event(row: dict[str, Any], since_ms: int) -> Event:
    """Return the event of a forecast's row, which has its transaction as `xid`.

    Args:
        row: the forecast's document and `xid`.
        since_ms: as `Position.since_ms`.
    """
    key = ("f", row["symbol"], row["target_open_time"], row["model_version"], row["kind"])
    position = Position(row["xid"], key, since_ms)
    return _event("forecast", row, position, is_provisional=False)


def _event(
    kind: EventType, row: dict[str, Any], position: Position, *, is_provisional: bool
) -> Event:
    fields = {name: value for name, value in row.items() if name != "xid"}
    wire = format_sse_event(
        event=kind, data_str=orjson.dumps(fields).decode(), id=event_id(position)
    )
    return Event(position, kind, row["symbol"], is_provisional, wire)


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return events in the order in which every listener is told them."""
    return sorted(events, key=lambda event: event.position)


def greeting(source: dict[str, Any], position: Position) -> bytes:
    """Return the first event of a stream: where the figures come from, and the place to resume."""
    return format_sse_event(
        event="source",
        data_str=orjson.dumps(source).decode(),
        id=event_id(position),
        retry=RETRY_MS,
    )


def reset(reason: str, position: Position) -> bytes:
    """Return the event that says: something was missed; read what you need, then go on here."""
    return format_sse_event(
        event="reset",
        data_str=orjson.dumps({"reason": reason}).decode(),
        id=event_id(position),
    )


def keepalive(position: Position) -> bytes:
    """Return a sign of life; it moves the place to resume from without being an event."""
    return format_sse_event(comment="still here", id=event_id(position))


def trouble(line: str) -> bytes:
    """Return a comment for whoever reads the stream by eye."""
    return format_sse_event(comment=line)
