"""The one form of errors."""

from __future__ import annotations

import pytest

from api.errors import MAX_LINE, ErrorDocument, document

pytestmark = pytest.mark.unit


def test_a_message_is_one_line_of_bounded_length() -> None:
    found = document("x", "a\n  b\t" + "c" * 1000)
    line = found["error"]["message"]
    assert line.startswith("a b c")
    assert len(line) == MAX_LINE
    ErrorDocument.model_validate(found)
