"""Symbols, models, incidents, status."""

from __future__ import annotations

import uuid

import pytest
from fastapi.testclient import TestClient

from api.documents.system import IncidentPage, ModelList, SymbolList
from conf.contracts.incidents import ALARMS
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from tests.support import dashboard_data as data
from tests.support.api_data import get
from tests.support.api_server import api_client

pytestmark = pytest.mark.integration


def test_symbols_come_in_the_runs_order(client: TestClient) -> None:
    found = get(client, "/v1/symbols", SymbolList)
    assert [row["symbol"] for row in found] == list(DEFAULT_SYMBOLS)


def test_models_say_how_long_they_served(client: TestClient) -> None:
    versions = {row["version"]: row for row in get(client, "/v1/models", ModelList)}
    statuses = sorted(row["status"] for row in versions.values())
    assert statuses == ["bootstrap", "rejected", "shadow"]
    assert [name for name, row in versions.items() if row["hours_served"]] == [data.VERSION]
    found = versions[data.VERSION]
    assert found["status"] == "bootstrap"
    assert found["hours_served"] == data.LIVE_HOURS - 1
    one = client.get(f"/v1/models/{data.VERSION}").json()["data"]
    assert list(one["manifest"]) == ["expires_ms"]
    assert one == found | {"manifest": one["manifest"]}
    answer = client.get("/v1/models/nosuch")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_model")


def test_incidents_are_chosen_by_time_kind_and_symbol(client: TestClient) -> None:
    def kinds(**params: object) -> list[str]:
        return [row["kind"] for row in get(client, "/v1/incidents", IncidentPage, **params)]

    assert sorted(kinds()) == ["gap_declared", "gap_filled", "handover", "late_trades", "started"]
    assert kinds(kind=["started", "gap_filled"]) == ["gap_filled", "started"]
    assert kinds(symbol="ETHUSDT") == ["late_trades", "gap_declared"]
    assert kinds(alarms=True) == ["late_trades", "gap_declared"]
    assert kinds(until="2026-01-01T00:00:01Z") == ["started"]
    late, declared = get(client, "/v1/incidents", IncidentPage, alarms=True)
    for alarm in (late, declared):
        assert alarm["is_alarm"] == (alarm["kind"] in ALARMS) is True
    assert declared["duration_ms"] == 75_000


def test_status_tells_feeds_jobs_and_the_exchanges_time(client: TestClient) -> None:
    status = client.get("/v1/status").json()["data"]
    assert [feed["symbol"] for feed in status["feeds"]] == list(DEFAULT_SYMBOLS)
    states = {feed["symbol"]: feed["state"] for feed in status["feeds"]}
    assert (states["BTCUSDT"], states[data.SILENT_SYMBOL]) == ("live", "silent")
    assert [job["job"] for job in status["jobs"]] == ["candles", "forecasts"]
    assert status["jobs"][0]["detail"] == data.CANDLE_REPORT
    assert status["feeds"][0]["newest_candle"] == "2026-01-02T06:00:00Z"
    assert status["freshness"] in ("fresh", "slow", "stale")
    assert client.get("/v1/status").headers["cache-control"] == "no-store"
    assert "etag" not in client.get("/v1/status").headers


def test_the_exchanges_time_is_told_while_data_is_fresh(
    postgres: PostgresSettings,
) -> None:
    namespace = data.filled_namespace(postgres, f"fresh-{uuid.uuid4().hex[:8]}")
    with api_client(postgres, namespace) as client:
        status = client.get("/v1/status").json()["data"]
    assert status["freshness"] == "fresh"
    assert status["exchange_time"] > "2026-01-02T06:27:00"
