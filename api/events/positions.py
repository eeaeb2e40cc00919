"""Places in the order of events, and the event ids that name them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, unquote

from conf.names import epoch_ms, utc_time

MAX_ID_LENGTH = 400


class PositionError(ValueError):
    """No event id of this API; the message tells the client what to do."""

    def __init__(self) -> None:
        super().__init__(
            "no event id of this API; send the id of the last event that you received, unchanged"
        )


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the order of events: the transaction's number, then the event within it.

    Attributes:
        xid: number of the transaction that wrote the row; rows are told in this order.
        key: tells the events of one transaction apart; empty is the place before all of them.
        since_ms: wall time (UTC epoch ms) before which no transaction from this one on has written
            anything: where a look must begin. No part of the order.
    """

    xid: int
    key: tuple[str, ...] = ()
    since_ms: int = field(default=0, compare=False)

    @property
    def since(self) -> datetime:
        """`since_ms` as an aware datetime."""
        return utc_time(self.since_ms)


def position_at(xid: int, since: datetime) -> Position:
    """Return the place before the first event of a transaction."""
    return Position(xid, (), epoch_ms(since))


def event_id(position: Position) -> str:
    """Return a position as an event id: printable ASCII without spaces."""
    key = ["." + quote(part, safe=":").replace(".", "%2E") for part in position.key]
    return f"{position.xid}.{position.since_ms}{''.join(key)}"


def parse_event_id(text: str) -> Position:
    """Return the position that an event id names.

    Raises:
        PositionError: if it is none.
    """
    xid, _, rest = text.strip().partition(".")
    since_ms, *key = rest.split(".")
    if len(text) > MAX_ID_LENGTH or not (_is_number(xid) and _is_number(since_ms)):
        raise PositionError
    position = Position(int(xid), tuple(unquote(part) for part in key), int(since_ms))
    try:
        position.since  # noqa: B018 - a time that no calendar has
    except (OverflowError, ValueError, OSError) as error:
        raise PositionError from error
    return position


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
