"""Incident and feed status messages: golden bytes, and what a reader accepts."""

from __future__ import annotations

import orjson
import pytest

from conf.contracts.errors import ContractError
from conf.contracts.feed import FeedState, FeedStatus, decode_feed_status, encode_feed_status
from conf.contracts.incidents import Incident, IncidentKind, decode_incident, encode_incident

pytestmark = pytest.mark.unit

INCIDENT = Incident(
    IncidentKind.GAP_FILLED, "1/1", 1_000, 1_250, "BTCUSDT", 5, 9, "5 ids from REST"
)
STATUS = FeedStatus("BTCUSDT", "2/8", FeedState.LIVE, 2_000, 9, 1_900, 100, 500, 3)


def test_an_incident_on_the_wire() -> None:
    assert encode_incident(INCIDENT) == (
        b'{"kind":"gap_filled","producer":"1/1","started_ms":1000,"ended_ms":1250,'
        b'"symbol":"BTCUSDT","first_id":5,"last_id":9,"detail":"5 ids from REST",'
        b'"duration_ms":250}'
    )
    assert INCIDENT.key == b"BTCUSDT"
    assert Incident(IncidentKind.HANDOVER, "1/1", 1).key == b"1/1"


def test_a_feed_status_on_the_wire() -> None:
    assert encode_feed_status(STATUS) == (
        b'{"symbol":"BTCUSDT","producer":"2/8","state":"live","updated_ms":2000,'
        b'"last_trade_id":9,"last_trade_time_ms":1900,"lag_ms":100,"connected_since_ms":500,'
        b'"held":3}'
    )


def test_readers_ignore_what_was_added_later() -> None:
    newer = orjson.dumps(orjson.loads(encode_incident(INCIDENT)) | {"colour": "red"})
    assert decode_incident(newer) == INCIDENT
    newer = orjson.dumps(orjson.loads(encode_feed_status(STATUS)) | {"colour": "red"})
    assert decode_feed_status(newer) == STATUS


@pytest.mark.parametrize("message", [b"[]", b"{}", b"no JSON", b'{"kind":"x"}'])
def test_what_is_none_is_refused(message: bytes) -> None:
    with pytest.raises(ContractError):
        decode_incident(message)
    with pytest.raises(ContractError):
        decode_feed_status(message)
