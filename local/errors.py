"""The one error of this package: a line for a person."""

from __future__ import annotations


class LocalError(Exception):
    """The local stack cannot go on; the message is one line that says what to do."""
