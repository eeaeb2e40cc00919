"""Errors of the stand-in exchange.

``StandInError``
└── shown to the operator as one line; the process exits with code 2

``ApiError``
└── shown to a REST client as ``{"code", "msg"}`` with its HTTP status
"""

from __future__ import annotations


class StandInError(Exception):
    """The exchange cannot start.

    Operator action: the message says which setting or file to change.
    """


class ApiError(Exception):
    """A REST request that is answered with an error body."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def missing_parameter(name: str) -> ApiError:
    """Return the error for a mandatory parameter that was not sent or is malformed."""
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def invalid_symbol() -> ApiError:
    """Return the error for a symbol that is not listed."""
    return ApiError(-1121, "Invalid symbol.")
