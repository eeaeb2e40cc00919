"""How Postgres' texts become the wire's: exact decimals and UTC times, as strings.

Postgres sends every value as text. A price stays one: nothing in between could round it.
"""

from __future__ import annotations

from datetime import datetime

import psycopg2.extensions
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

NUMERIC_OIDS = (1700,)
TIMESTAMPTZ_OIDS = (1184,)
UTC_SUFFIX = "+00"


def decimal_text(text: str | None, _cursor: object = None) -> str | None:
    """Return a numeric without trailing zeros, as the topics write it: '61685.99', '0'. Pure."""
    if text is None or text[-1] != "0" or "." not in text:  # so are most of thousands
        return text
    return text.rstrip("0").rstrip(".")


def time_text(text: str | None, _cursor: object = None) -> str | None:
    """Return Postgres' UTC time as ISO 8601 with Z: '2026-01-01T05:00:00Z'. Pure.

    Raises:
        ValueError: if the session's time zone is not UTC.
    """
    if text is None:
        return None
    if not text.endswith(UTC_SUFFIX):
        message = f"{text!r} is not UTC; the session must set timezone=UTC"
        raise ValueError(message)
    return text[: -len(UTC_SUFFIX)].replace(" ", "T") + "Z"


def parsed_time(text: str) -> datetime:
    """Return the aware datetime of a wire's time. Pure."""
    return datetime.fromisoformat(text)


def speak_wire(connection: Connection) -> None:
    """Make a connection return numeric and timestamptz as the wire's texts."""
    for name, oids, convert in (
        ("WIRE_DECIMAL", NUMERIC_OIDS, decimal_text),
        ("WIRE_TIME", TIMESTAMPTZ_OIDS, time_text),
    ):
        # the stubs allow for bytes, which only binary cursors of Python 2 had
        cast = psycopg2.extensions.new_type(oids, name, convert)  # type: ignore[arg-type]
        psycopg2.extensions.register_type(cast, connection)
