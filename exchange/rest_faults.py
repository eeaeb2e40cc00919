"""Faults of the REST API: error answers, stalls, and a database that trails. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from exchange.faults import RestErrorRequest, RestLagRequest, RestRequest, RestStallRequest

_CODES = {418: -1003, 429: -1003, 503: -1008, 504: -1007}
_MESSAGES = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1003: "Too much request weight used; please use WebSocket Streams for live updates.",
    -1007: "Timeout waiting for response from backend server.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1121: "Invalid symbol.",
}

_Request = TypeVar("_Request", RestErrorRequest, RestStallRequest)


@dataclass
class _Waiting(Generic[_Request]):
    request: _Request
    left: int


class RestFaults:
    """Faults that wait for the next requests.

    Args:
        injected: counts what happened, by kind.
        lag_ms: exchange ms by which the database trails the streams at the start.
    """

    def __init__(self, injected: Counter[str], lag_ms: int) -> None:
        self.lag_ms = lag_ms
        self._injected = injected
        self._errors: list[_Waiting[RestErrorRequest]] = []
        self._stalls: list[_Waiting[RestStallRequest]] = []

    def add(self, request: RestRequest) -> int:
        """Take a fault; return how many of its kind wait now, 0 for a lag, which holds at once."""
        if isinstance(request, RestLagRequest):
            self.lag_ms = request.ms
            self._injected[request.kind] += 1
            return 0
        if isinstance(request, RestErrorRequest):
            self._errors.append(_Waiting(request, request.count))
        else:
            self._stalls.append(_Waiting(request, request.count))
        return self.waiting()[request.kind]

    def waiting(self) -> Counter[str]:
        """Return how many faults of each kind wait."""
        counts: Counter[str] = Counter()
        for error in self._errors:
            counts["rest_error"] += error.left
        for stall in self._stalls:
            counts["rest_stall"] += stall.left
        return counts

    def take_error(self, path: str) -> RestErrorRequest | None:
        """Return the error that a request of a path, such as ``klines``, is to be answered with."""
        return self._take(self._errors, path)

    def take_stall_s(self, path: str) -> float:
        """Return by how many wall seconds the answer to a path is to come later."""
        stall = self._take(self._stalls, path)
        return stall.seconds if stall else 0.0

    def _take(self, waiting: list[_Waiting[_Request]], path: str) -> _Request | None:
        for one in waiting:
            if one.request.path in (None, path):
                one.left -= 1
                if not one.left:
                    waiting.remove(one)
                self._injected[one.request.kind] += 1
                return one.request
        return None


def error_body(request: RestErrorRequest) -> dict[str, Any]:
    """Return the JSON body of an injected error."""
    code = request.code if request.code is not None else _CODES.get(request.status, -1000)
    return {"code": code, "msg": _MESSAGES.get(code, _MESSAGES[-1000])}


def error_page(status: int) -> str:
    """Return the page of a gateway or firewall in place of a JSON body."""
    phrase = next((one.phrase for one in HTTPStatus if one == status), "Error")
    title = f"{status} {phrase}"
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
