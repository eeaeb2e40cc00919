"""What can go wrong with a request, and the one JSON form in which a client is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MAX_LINE = 300
"""Characters of a message: enough for what is wrong and what to do, whatever a client sent."""


class ErrorDetail(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(
        description="Stable name of the error, for programs.", examples=["invalid_parameter"]
    )
    message: str = Field(
        description="One line for people: what is wrong and what to do.",
        examples=["from: '2026-01-01' has no time zone; write 2026-01-01T00:00:00Z"],
    )
    parameter: str | None = Field(
        description="The parameter that is wrong; null if it is none.", examples=["from"]
    )


class ErrorDocument(BaseModel):
    """The body of every answer that is no success."""

    model_config = ConfigDict(frozen=True)

    error: ErrorDetail


class ApiError(Exception):
    """A request that cannot be answered as asked.

    Args:
        status: HTTP status code.
        code: stable name of the error.
        message: one line that tells the client what to do.
        parameter: the parameter that is wrong, if one is.
    """

    def __init__(
        self, status: int, code: str, message: str, *, parameter: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.parameter = parameter


class StoreError(Exception):
    """Postgres cannot answer now; the same request may succeed later."""

    code = "store_error"


class StoreDownError(StoreError):
    """Postgres does not answer. Operator action: start it; the API recovers by itself."""

    code = "store_down"


class StoreNotReadyError(StoreError):
    """Postgres answers, but the namespace has no tables or no run yet."""

    code = "store_not_ready"


class StoreBusyError(StoreError):
    """Every connection stayed in use for as long as a request may wait."""

    code = "store_busy"


class StoreReplacedError(StoreError):
    """The database is another one than before, restored or made anew: its transactions are lower."""

    code = "store_replaced"


class StoreSlowError(StoreError):
    """A statement took longer than it may; a smaller range is faster."""

    code = "store_slow"


def document(code: str, message: str, parameter: str | None = None) -> dict[str, Any]:
    """Return an error's JSON document; the message is one line of bounded length."""
    line = " ".join(message.split())
    line = line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"
    return {"error": {"code": code, "message": line, "parameter": parameter}}


def first_problem(errors: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Return message and parameter of the first error of a validation by pydantic."""
    problem = errors[0]
    where = [str(part) for part in problem["loc"] if part not in ("query", "path", "header")]
    name = where[0] if where else None
    text = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "there is no such parameter; /v1/openapi.json lists them"
    elif problem["type"] == "missing":
        text = "this parameter is required"
    elif problem["type"] != "value_error":
        text = f"{text} (got {str(problem.get('input'))[:40]!r})"
    return (f"{name}: {text}" if name else text), name
