"""What messages of both topics amount to, whatever they hold."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from conf.contracts.feed import FeedState, FeedStatus, encode_feed_status
from conf.contracts.incidents import Incident, IncidentKind, encode_incident
from conf.names import Namespace
from streaming.monitor.messages import Message, sort_out

pytestmark = pytest.mark.unit

NAMESPACE = Namespace("demo")
INCIDENT = Incident(IncidentKind.GAP_FILLED, "1/1", 5, 9, "BTCUSDT", 1, 2, "REST")
STATUS = FeedStatus("BTCUSDT", "1/1", FeedState.LIVE, 100, 7, 90, 10, 50, 0)


def incident(offset: int, value: bytes | None = None, **changes: Any) -> Message:
    changed = orjson.dumps(orjson.loads(encode_incident(INCIDENT)) | changes)
    return Message(NAMESPACE.incidents_topic, 0, offset, 1000, value or changed)


def feed(offset: int, **changes: Any) -> Message:
    changed = orjson.dumps(orjson.loads(encode_feed_status(STATUS)) | changes)
    return Message(NAMESPACE.feed_topic, 0, offset, 1000, changed)


def test_incidents_stay_in_order_and_positions_follow_each_partition() -> None:
    other = Message(NAMESPACE.incidents_topic, 1, 40, 1000, encode_incident(INCIDENT))
    batch = sort_out([incident(3), other, incident(8, first_id=6), feed(2)], NAMESPACE)
    assert [message.offset for _, message in batch.incidents] == [3, 40, 8]
    assert batch.incidents[0][0] == INCIDENT
    assert batch.positions == {
        (NAMESPACE.incidents_topic, 0): 9,
        (NAMESPACE.incidents_topic, 1): 41,
        (NAMESPACE.feed_topic, 0): 3,
    }
    assert batch.bad == []


def test_newest_status_of_each_symbol_stays_and_the_later_message_wins_a_draw() -> None:
    batch = sort_out(
        [feed(1), feed(2, updated_ms=99), feed(3, last_trade_id=8), feed(4, symbol="ETHUSDT")],
        NAMESPACE,
    )
    assert {symbol: message.offset for symbol, (_, message) in batch.feed.items()} == {
        "BTCUSDT": 3,
        "ETHUSDT": 4,
    }


def test_fields_of_a_later_version_are_no_fault() -> None:
    batch = sort_out([incident(1, mood="fine"), feed(1, mood="fine")], NAMESPACE)
    assert batch.bad == []


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "rumour"},
        {"producer": None},
        {"producer": "1\x001"},
        {"symbol": 7},
        {"detail": "a\x00b"},
        {"detail": None},
        {"started_ms": None},
        {"started_ms": "5"},
        {"started_ms": 5.5},
        {"started_ms": True},
        {"started_ms": -1},
        {"ended_ms": 10**15},
        {"first_id": -1},
        {"last_id": 2**63},
    ],
)
def test_incident_that_no_column_would_take_is_bad(changes: dict[str, Any]) -> None:
    batch = sort_out([incident(1), incident(2, **changes), incident(3)], NAMESPACE)
    assert [message.offset for _, message in batch.incidents] == [1, 3]
    assert [bad.message.offset for bad in batch.bad] == [2]
    assert batch.positions[NAMESPACE.incidents_topic, 0] == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "dancing"},
        {"symbol": None},
        {"symbol": "A\x00"},
        {"producer": 1},
        {"updated_ms": 10**15},
        {"last_trade_id": "7"},
        {"last_trade_time_ms": -1},
        {"lag_ms": 2**63},
        {"connected_since_ms": 0.5},
        {"held": None},
        {"held": -1},
    ],
)
def test_feed_status_that_no_column_would_take_is_bad(changes: dict[str, Any]) -> None:
    batch = sort_out([feed(1), feed(2, **changes)], NAMESPACE)
    assert [bad.message.offset for bad in batch.bad] == [2]
    assert batch.feed["BTCUSDT"][1].offset == 1


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"{}"])
def test_bytes_that_are_no_message_are_bad(value: bytes | None) -> None:
    for topic in (NAMESPACE.incidents_topic, NAMESPACE.feed_topic):
        batch = sort_out([Message(topic, 0, 4, 1000, value)], NAMESPACE)
        assert len(batch.bad) == 1
        assert batch.bad[0].reason
        assert batch.positions == {(topic, 0): 5}
