"""Errors of the streaming part.

StreamingError
├── StartError      a query cannot start; a person must act, the message says how
└── SinkError       a batch could not be stored; the query stops and the batch comes again
"""

from __future__ import annotations


class StreamingError(Exception):
    """Base of what this package raises."""


class StartError(StreamingError):
    """A query or job cannot start. Operator action: the message says what to do."""


class SinkError(StreamingError):
    """A batch could not be stored whole. The query stops; after a restart the batch comes again."""
