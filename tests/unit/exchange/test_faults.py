"""Fault requests: what is taken, and one line for what is not."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.faults import FaultError, TradeFault, parse_fault

pytestmark = pytest.mark.unit

SYMBOLS = ("BTCUSDT", "DOTUSDT")


@pytest.mark.parametrize("kind", [kind.value for kind in TradeFault])
def test_every_kind_of_trade_fault_is_taken_once_by_default(kind: str) -> None:
    extra = {"ms": 5} if kind == "delay" else {}

    request = parse_fault({"kind": kind, "symbol": "DOTUSDT", **extra}, SYMBOLS)

    assert request.model_dump() == {"kind": kind, "symbol": "DOTUSDT", "count": 1, **extra}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "drop_kline", "symbol": "BTCUSDT", "count": 2},
        {"kind": "burst", "symbol": "BTCUSDT"},
        {"kind": "status", "symbol": "BTCUSDT", "status": "HALT"},
        {"kind": "cut"},
        {"kind": "close", "code": 1012, "reason": "restart", "count": 1},
        {"kind": "half_open", "seconds": 3},
        {"kind": "slow", "seconds": 3, "bytes_per_s": 100},
        {"kind": "shutdown"},
        {"kind": "shutdown", "notice_s": 1.5},
        {"kind": "refuse", "seconds": 0.5},
        {"kind": "life", "seconds": 60},
        {"kind": "rest_error", "status": 418, "form": "html", "retry_after_s": 3, "path": "klines"},
        {"kind": "rest_stall", "seconds": 11},
        {"kind": "rest_lag", "ms": 0},
        {"kind": "error_form", "form": "nested"},
    ],
)
def test_other_kinds_are_taken(body: dict[str, Any]) -> None:
    request = parse_fault(body, SYMBOLS)

    assert request.model_dump().items() >= body.items()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([], "JSON object"),
        ({}, "kind must be one of malformed,"),
        ({"kind": "fire"}, "rest_lag"),
        ({"kind": ["drop"]}, "kind must be one of"),
        ({"kind": "drop"}, "symbol"),
        ({"kind": "drop", "symbol": "X"}, "BTCUSDT, DOTUSDT"),
        ({"kind": "drop", "symbol": "BTCUSDT", "count": 0}, "count"),
        ({"kind": "drop", "symbol": "BTCUSDT", "count": True}, "count"),
        ({"kind": "drop", "symbol": "BTCUSDT", "count": "2"}, "count"),
        ({"kind": "drop", "symbol": "BTCUSDT", "times": 2}, "drop takes symbol, count"),
        ({"kind": "delay", "symbol": "BTCUSDT"}, "ms"),
        ({"kind": "cut", "symbol": "BTCUSDT"}, "cut takes count"),
        ({"kind": "close", "code": 1006}, "1006 cannot be sent"),
        ({"kind": "close", "code": 200}, "code"),
        ({"kind": "half_open"}, "seconds"),
        ({"kind": "half_open", "seconds": 0}, "seconds"),
        ({"kind": "refuse", "seconds": float("inf")}, "seconds"),
        ({"kind": "rest_error"}, "status"),
        ({"kind": "rest_error", "status": 200}, "status"),
        ({"kind": "rest_error", "status": 500, "form": "xml"}, "'json', 'html' or 'empty'"),
        ({"kind": "rest_lag", "ms": -1}, "ms"),
        ({"kind": "status", "symbol": "BTCUSDT", "status": "OPEN"}, "'TRADING'"),
        ({"kind": "error_form", "form": "round"}, "'flat'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(body: Any, named: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse_fault(body, SYMBOLS)

    assert named in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
