"""Waiting REST faults and the bodies of injected errors."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.faults import RestErrorRequest, RestLagRequest, RestStallRequest
from exchange.rest_faults import RestFaults, error_body, error_page

pytestmark = pytest.mark.unit


def error(status: int, **fields: object) -> RestErrorRequest:
    return RestErrorRequest.model_validate({"kind": "rest_error", "status": status, **fields})


def test_errors_are_taken_in_order_by_the_paths_they_are_for() -> None:
    injected: Counter[str] = Counter()
    faults = RestFaults(injected, 0)
    only, anywhere = error(503, path="klines"), error(502, count=2)

    assert [faults.add(only), faults.add(anywhere)] == [1, 3]
    assert faults.take_error("trades") == anywhere
    assert faults.waiting() == {"rest_error": 2}
    assert [faults.take_error("klines") for _ in range(3)] == [only, anywhere, None]
    assert faults.waiting() == {}
    assert injected == {"rest_error": 3}


def test_stalls_are_taken_once_each() -> None:
    faults = RestFaults(Counter(), 0)

    assert faults.add(RestStallRequest(kind="rest_stall", seconds=2.5, path="klines")) == 1
    assert [faults.take_stall_s(path) for path in ("time", "klines", "klines")] == [0, 2.5, 0]


def test_a_lag_holds_at_once() -> None:
    faults = RestFaults(Counter(), 5)

    assert faults.lag_ms == 5
    assert faults.add(RestLagRequest(kind="rest_lag", ms=60_000)) == 0
    assert faults.lag_ms == 60_000
    assert faults.waiting() == {}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (error(429), -1003),
        (error(418), -1003),
        (error(504), -1007),
        (error(503), -1008),
        (error(500), -1000),
        (error(500, code=-1001), -1001),
        (error(400, code=0), 0),
    ],
)
def test_an_error_body_has_the_code_of_its_status_or_the_one_asked_for(
    request_: RestErrorRequest, code: int
) -> None:
    body = error_body(request_)

    assert body["code"] == code
    assert body["msg"]


@pytest.mark.parametrize("status", [403, 502, 599])
def test_an_error_page_is_html_with_the_status(status: int) -> None:
    assert f"<h1>{status} " in error_page(status)
