"""Errors of the streaming part.

StreamingError
├── StartError      a query cannot start; a person must act, the message says how
│   └── NotReadyError   something that a start needs does not answer; later it may
└── SinkError       a batch could not be stored; the query stops and the batch comes again
"""

from __future__ import annotations


class StreamingError(Exception):
    """Base of what this package raises."""


class StartError(StreamingError):
    """A query or job cannot start. Operator action: the message says what to do."""


class NotReadyError(StartError):
    """Something does not answer. A first start ends with it; a restarted query is tried again."""


class SinkError(StreamingError):
    """A batch could not be stored whole. The query stops; after a restart the batch comes again."""
