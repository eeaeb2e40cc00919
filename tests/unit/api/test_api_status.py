"""The document of /v1/status."""

from __future__ import annotations

import pytest

from api.documents.system import FeedDocument, StatusAnswer
from api.status import status_document

pytestmark = pytest.mark.unit

RUN = {
    "namespace": "demo",
    "venue": "standin",
    "source_label": "synthetic × 180",
    "speed": "180",
    "started_at": "2026-11-22T17:00:00Z",
    "wall_time": "2026-11-22T18:00:02Z",
}
FEED = dict.fromkeys(FeedDocument.model_fields) | {
    "symbol": "BTCUSDT",
    "newest_candle_updated_at": "2026-11-22T18:00:00.76544Z",
}
OLD = FEED | {"symbol": "ETHUSDT", "newest_candle_updated_at": "2026-11-22T17:59:01Z"}
SIGHTING = {"exchange": "2026-01-01T05:00:00Z", "wall": "2026-11-22T18:00:00Z"}


def test_the_exchanges_time_moves_on_by_the_speed() -> None:
    document = status_document(RUN, [SIGHTING], [OLD, FEED], [])
    assert document["data"]["exchange_time"] == "2026-01-01T05:06:00.000Z"
    assert document["data"]["data_age_s"] == 1.235
    assert document["data"]["freshness"] == "fresh"
    assert document["source"]["source_label"] == "synthetic × 180"
    StatusAnswer.model_validate(document)


def test_stale_rows_tell_no_time() -> None:
    document = status_document(RUN, [SIGHTING], [OLD], [])
    assert document["data"]["exchange_time"] is None
    assert document["data"]["freshness"] == "stale"


def test_a_run_without_a_candle() -> None:
    document = status_document(RUN, [], [dict.fromkeys(FEED) | {"symbol": "BTCUSDT"}], [])
    assert document["data"]["exchange_time"] is None
    assert document["data"]["freshness"] == "none"
    StatusAnswer.model_validate(document)
