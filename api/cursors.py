"""Where a page ended, as an opaque text that a client hands back. Pure."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

MAX_LENGTH = 400


class CursorError(ValueError):
    """No cursor of this endpoint; the message tells the client what to do."""

    def __init__(self) -> None:
        super().__init__("no cursor of this list; send next_cursor of the page before, unchanged")


def encode(key: Sequence[str | int]) -> str:
    """Return the cursor of a page's last key: times as ISO 8601, numbers and texts."""
    return urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type]) -> tuple[str | int | datetime, ...]:
    """Return the key that a cursor holds.

    Args:
        cursor: as `encode` made it.
        kinds: `str`, `int` or `datetime` per part; a time has a zone.

    Raises:
        CursorError: if it is none, or another endpoint's.
    """
    try:
        key = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:  # also binascii.Error and orjson.JSONDecodeError
        raise CursorError from error
    if not isinstance(key, list) or len(key) != len(kinds):
        raise CursorError
    return tuple(_checked(part, kind) for part, kind in zip(key, kinds, strict=True))


def _checked(part: object, kind: type) -> str | int | datetime:
    if kind is int and type(part) is int and abs(part) < 2**63:
        return part
    if kind is str and isinstance(part, str) and "\0" not in part:
        return part
    if kind is datetime and isinstance(part, str):
        return _time(part)
    raise CursorError


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise CursorError from error
    if time.tzinfo is None:
        raise CursorError
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise CursorError from error
