"""Cursors: what goes in comes out, and nothing else is taken."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursors import CursorError, decode, encode

pytestmark = pytest.mark.unit

TIME = "2026-01-01T05:00:00Z"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_a_key_comes_back(symbol: str) -> None:
    key = decode(encode([TIME, symbol, 7]), (datetime, str, int))
    assert key == (datetime(2026, 1, 1, 5, tzinfo=UTC), symbol, 7)


def raw(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "ä",
        raw(b"{}"),
        raw(b"[]"),
        raw(b'["2026-01-01T05:00:00Z"]'),
        raw(b'["2026-01-01T05:00:00", 1]'),
        raw(b'["2026-01-01T05:00:00Z", "1"]'),
        raw(b'["2026-01-01T05:00:00Z", true]'),
        raw(b'["2026-01-01T05:00:00Z", 9223372036854775808]'),
        raw(b'["yesterday", 1]'),
        raw(b"[1, 1]"),
        raw(b'["2026-01-01T05:00:00Z", 1'),
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError, match="send next_cursor of the page before"):
        decode(cursor, (datetime, int))


def test_a_text_that_postgres_cannot_hold_is_refused() -> None:
    with pytest.raises(CursorError):
        decode(raw(b'["a\\u0000b"]'), (str,))


@given(st.text(max_size=60))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        key = decode(text, (datetime, str))
    except CursorError:
        return
    assert isinstance(key[0], datetime)
