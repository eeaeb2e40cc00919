"""Control messages of a websocket: SUBSCRIBE and its kin (binance.md 3)."""

from __future__ import annotations

import re
from typing import Any

import orjson

from conf.standin import ErrorForm
from exchange.hub import Client, Hub

MOST_STREAMS = 1024
_STREAM = re.compile(r"^(!?[^\s@!]+(@[^\s@]+){0,3}|![A-Za-z]+(@[^\s@]+){0,2})$")
_METHODS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"


class ControlError(Exception):
    """A request that is answered with an error; `is_nested` tells which of the two forms."""

    def __init__(self, code: int, message: str, *, is_nested: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_nested = is_nested


def is_stream_name(name: Any) -> bool:
    """Tell whether a name has the form of a stream; whether it exists nobody says."""
    return isinstance(name, str) and _STREAM.match(name) is not None


def answer(hub: Hub, client: Client, text: str, form: ErrorForm = "mixed") -> bytes:
    """Carry out one control message and return the reply.

    ``form`` is that of errors: all flat, all nested, or each as it was seen on the wire.
    """
    request_id: Any = None
    try:
        request = _parsed(text)
        request_id = _request_id(request)
        result = _carry_out(hub, client, request)
    except ControlError as error:
        is_nested = error.is_nested if form == "mixed" else form == "nested"
        return orjson.dumps(_error_body(error, request_id, is_nested=is_nested))
    return orjson.dumps({"result": result, "id": request_id})


def _error_body(error: ControlError, request_id: Any, *, is_nested: bool) -> dict[str, Any]:
    body = {"code": error.code, "msg": error.message}
    return {"error": body, "id": request_id} if is_nested else {**body, "id": request_id}


def _parsed(text: str) -> dict[str, Any]:
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"Invalid JSON: expected value at line {error.lineno} column {error.colno}"
        raise ControlError(3, message) from None
    if not isinstance(request, dict) or "method" not in request:
        raise ControlError(2, "Invalid request: missing field `method` at line 1 column 1")
    return request


def _request_id(request: dict[str, Any]) -> Any:
    request_id = request.get("id")
    is_number = isinstance(request_id, int) and not isinstance(request_id, bool)
    is_text = isinstance(request_id, str) and len(request_id) <= 36 and request_id.isalnum()
    if request_id is None or is_number or is_text:
        return request_id
    raise ControlError(2, "Invalid request: request ID must be an unsigned integer")


def _carry_out(hub: Hub, client: Client, request: dict[str, Any]) -> Any:
    method, params = request["method"], request.get("params")
    if method == "LIST_SUBSCRIPTIONS":
        return list(client.streams)
    if method == "SUBSCRIBE":
        names = _names(params)
        if len(set(client.streams) | set(names)) > MOST_STREAMS:
            raise ControlError(4, "Too many subscriptions", is_nested=True)
        hub.subscribe(client, names)
        return None
    if method == "UNSUBSCRIBE":
        hub.unsubscribe(client, _names(params))
        return None
    if method == "SET_PROPERTY":
        return _set_property(client, params)
    if method == "GET_PROPERTY":
        return _get_property(client, params)
    message = f"Invalid request: unknown variant `{method}`, expected one of {_METHODS}"
    raise ControlError(2, message)


def _names(params: Any) -> list[str]:
    if not isinstance(params, list) or not params:
        raise ControlError(2, "Invalid request: missing field `params`")
    if not all(is_stream_name(name) for name in params):
        raise ControlError(2, "Invalid request: invalid stream", is_nested=True)
    return params


def _set_property(client: Client, params: Any) -> None:
    if not isinstance(params, list) or len(params) < 2:
        raise ControlError(2, "Invalid request: missing field `params`")
    if len(params) > 2:
        raise ControlError(2, "Invalid request: too many parameters")
    _check_property(params[0])
    if not isinstance(params[1], bool):
        raise ControlError(1, "Invalid value type: expected Boolean")
    client.is_combined = params[1]


def _get_property(client: Client, params: Any) -> bool:
    if not isinstance(params, list) or not params:
        raise ControlError(2, "Invalid request: missing field `params`")
    if len(params) > 1:
        raise ControlError(2, "Invalid request: too many parameters")
    _check_property(params[0])
    return client.is_combined


def _check_property(name: Any) -> None:
    if not isinstance(name, str):
        raise ControlError(2, "Invalid request: property name must be a string")
    if name != "combined":
        raise ControlError(0, "Unknown property")
