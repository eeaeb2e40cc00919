"""Turns what went wrong into the one form of errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.answers import json_response
from api.cursors import CursorError
from api.errors import ApiError, StoreError, document, first_problem
from api.params import CombinationError

log = structlog.get_logger(__name__)

_LINES = {
    404: "there is no such path; /v1/openapi.json lists all",
    405: "this API is read only: send GET",
}


def _error(
    status: int,
    code: str,
    message: str,
    parameter: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return json_response(document(code, message, parameter), status, headers)


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    headers = {"Retry-After": "1"} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return _error(error.status, error.code, str(error), error.parameter, headers)


async def _store_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)
    log.warning("store_error", code=error.code, path=request.url.path, error=str(error))
    return _error(503, error.code, str(error), headers={"Retry-After": "1"})


async def _bad_combination(_: Request, error: Exception) -> Response:
    assert isinstance(error, CombinationError)
    return _error(400, "bad_combination", f"{error.parameter}: {error}", error.parameter)


async def _bad_cursor(_: Request, error: Exception) -> Response:
    return _error(400, "bad_cursor", f"cursor: {error}", "cursor")


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    message, parameter = first_problem(error.errors())
    return _error(422, "invalid_parameter", message, parameter)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    line = _LINES.get(error.status_code, str(error.detail))
    return _error(error.status_code, code, line, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected_error", path=request.url.path, exc_info=error)
    return _error(500, "internal_error", "this is a fault of the server; its log has the details")


def add_handlers(app: FastAPI) -> None:
    """Give an application the one form of errors."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(StoreError, _store_error)
    app.add_exception_handler(CombinationError, _bad_combination)
    app.add_exception_handler(CursorError, _bad_cursor)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
