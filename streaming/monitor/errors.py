"""Errors of the monitor.

StoreAwayError          tried again until it works; the message says what to do
├── KafkaAwayError
└── PostgresAwayError
"""

from __future__ import annotations

from typing import ClassVar

from streaming.errors import StreamingError


class StoreAwayError(StreamingError):
    """Kafka or Postgres cannot be used just now; `store` says which."""

    store: ClassVar[str]


class KafkaAwayError(StoreAwayError):
    """No broker answers, one refuses, or a topic is missing."""

    store = "kafka"


class PostgresAwayError(StoreAwayError):
    """The server does not answer, refuses, or lacks tables of this version."""

    store = "postgres"
