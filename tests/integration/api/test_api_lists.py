"""Every answer is as described and names its source; pages put together are the list."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from pydantic import BaseModel

from api.documents.candles import CandlePage
from api.documents.forecasts import ForecastPage
from api.documents.scores import RunningScorePage, ScoreList
from api.documents.system import IncidentPage, ModelAnswer, ModelList, StatusAnswer, SymbolList
from tests.support import dashboard_data as data
from tests.support.api_data import DAY, HOUR, SYMBOL, candle, candles, hours_of, insert, valid

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/symbols", SymbolList),
        ("/v1/candles?symbol=ETHUSDT&provisional=true", CandlePage),
        ("/v1/candles?symbol=ETHUSDT&revision=all", CandlePage),
        ("/v1/candles?symbol=ETHUSDT&interval=4h&provisional=true", CandlePage),
        ("/v1/candles?symbol=ETHUSDT&interval=1d", CandlePage),
        ("/v1/forecasts", ForecastPage),
        ("/v1/scores", ScoreList),
        ("/v1/scores?symbol=USDCUSDT&window=7d", ScoreList),
        ("/v1/scores/running?from=2026-01-01T00:00:00Z", RunningScorePage),
        ("/v1/models", ModelList),
        (f"/v1/models/{data.VERSION}", ModelAnswer),
        ("/v1/incidents", IncidentPage),
        ("/v1/status", StatusAnswer),
    ],
)
def test_every_answer_is_as_described_and_names_its_source(
    client: TestClient, path: str, model: type[BaseModel]
) -> None:
    answer = valid(client.get(path).text, model)
    assert answer["source"] == {
        "namespace": "test",
        "venue": "stand-in",
        "source_label": "synthetic × 180",
        "speed": "180",
    }
    assert answer["data"]


@pytest.mark.parametrize(
    ("path", "model", "params"),
    [
        ("/v1/candles", CandlePage, {"symbol": "ETHUSDT"}),
        ("/v1/candles", CandlePage, {"symbol": "ETHUSDT", "order": "desc", "provisional": "true"}),
        ("/v1/candles", CandlePage, {"symbol": "ETHUSDT", "revision": "all"}),
        ("/v1/candles", CandlePage, {"symbol": "ETHUSDT", "revision": "all", "order": "desc"}),
        ("/v1/candles", CandlePage, {"symbol": "ETHUSDT", "interval": "4h"}),
        ("/v1/candles", CandlePage, {"symbol": "ETHUSDT", "interval": "4h", "order": "desc"}),
        ("/v1/candles", CandlePage, {"symbol": "ETHUSDT", "interval": "1d", "provisional": "true"}),
        ("/v1/forecasts", ForecastPage, {}),
        ("/v1/forecasts", ForecastPage, {"order": "desc", "refusals": "exclude"}),
        ("/v1/forecasts", ForecastPage, {"symbol": "ETHUSDT", "model_version": data.VERSION}),
        ("/v1/scores/running", RunningScorePage, {"from": "2026-01-01T00:00:00Z"}),
        ("/v1/incidents", IncidentPage, {}),
    ],
)
@pytest.mark.parametrize("limit", [1, 7])
def test_pages_put_together_are_the_list(
    client: TestClient, path: str, model: type[BaseModel], params: dict[str, str], limit: int
) -> None:
    limit = limit if path != "/v1/forecasts" else limit * 20
    whole = valid(client.get(path, params={**params, "limit": "2000"}).text, model)
    assert whole["next_cursor"] is None
    parts: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = valid(client.get(path, params={**params, **cursor, "limit": str(limit)}).text, model)
        parts += page["data"]
        if page["next_cursor"] is None:
            break
        assert len(page["data"]) == limit
        cursor = {"cursor": page["next_cursor"]}
    assert parts == whole["data"]
    assert len(parts) > 3


def test_a_cursor_does_not_lead_out_of_the_range(own: TestClient, writer: Connection) -> None:
    insert(writer, "candle", *(candle(SYMBOL, DAY + n * HOUR) for n in range(6)))
    early = own.get("/v1/candles", params={"symbol": SYMBOL, "limit": 1}).json()["next_cursor"]
    given = {"from": "2025-03-01T03:00:00Z", "until": "2025-03-01T05:00:00Z"}
    assert hours_of(candles(own, **given, cursor=early)) == [3, 4]
    late = own.get("/v1/candles", params={"symbol": SYMBOL, "limit": 1, "order": "desc"})
    found = candles(own, **given, order="desc", cursor=late.json()["next_cursor"])
    assert hours_of(found) == [4, 3]
