"""The errors of the producers, one tree.

ProducerError
├── BadMessage        one message; it becomes a dead letter and the flow goes on
├── RestError         one REST request; `should_retry` decides
├── StartupError      a person must act; one line on stderr, exit code 2
├── FencedError       a newer producer took over the shard; one line, exit code 3
└── SinkBrokenError   Kafka lost a transaction; the session is rebuilt from the topic's tail
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a message became a dead letter; stable names."""

    MALFORMED = "malformed"
    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_SYMBOL = "unknown_symbol"
    BAD_PRICE = "bad_price"
    BAD_QUANTITY = "bad_quantity"
    FUTURE_TIME = "future_time"
    PAST_TIME = "past_time"
    NOTIONAL_TOO_LARGE = "notional_too_large"


class ProducerError(Exception):
    """Base of all errors of this package."""


class BadMessage(ProducerError):  # noqa: N818 - it describes a message, not a failure of ours
    """A message that cannot become a trade or a close.

    Attributes:
        code: the kind of defect.
        detail: what exactly is wrong.
        symbol: whose message it was, if that could be read.
    """

    def __init__(self, code: Reason, detail: str, symbol: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.symbol = symbol


class RestError(ProducerError):
    """A REST request without a usable answer.

    Attributes:
        status: HTTP status; 0 if the connection failed.
        code: the exchange's error code, if the body had one.
        retry_after_s: seconds to wait, from the ``Retry-After`` header.
    """

    def __init__(
        self, message: str, *, status: int = 0, code: int | None = None, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class StartupError(ProducerError):
    """The producer cannot start; the message says in one line what to do."""


class FencedError(ProducerError):
    """Another producer with the same transactional id started after this one."""


class SinkBrokenError(ProducerError):
    """The outcome of a transaction is unknown; the tail of the topic must be read again."""
