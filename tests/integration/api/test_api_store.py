"""A store that is not as it should be."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.documents.forecasts import ForecastPage
from api.documents.scores import RunningScorePage, ScoreList
from api.documents.system import IncidentPage, ModelList, SymbolList
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support.api_data import get
from tests.support.api_server import api_client
from tests.support.own_postgres import create_namespace

pytestmark = pytest.mark.integration


def problem(client: TestClient, path: str = "/v1/symbols") -> tuple[int, str]:
    answer = client.get(path)
    return answer.status_code, answer.json()["error"]["code"]


def test_a_namespace_without_tables_is_told_apart(postgres: PostgresSettings) -> None:
    with api_client(postgres, Namespace("nobody")) as client:
        assert problem(client) == (503, "store_not_ready")
        assert "NEXTHOUR_NAMESPACE" in client.get("/v1/status").json()["error"]["message"]


def test_a_run_that_is_not_prepared_is_told_apart(postgres: PostgresSettings) -> None:
    empty = create_namespace(postgres, f"e-{uuid.uuid4().hex[:8]}")
    with api_client(postgres, empty) as client:
        for path in ("/v1/symbols", "/v1/status", "/v1/stream", "/healthz", "/v1/scores"):
            assert problem(client, path) == (503, "store_not_ready")


def test_an_empty_run_has_empty_lists(own: TestClient) -> None:
    for path, model in (
        ("/v1/symbols", SymbolList),
        ("/v1/forecasts", ForecastPage),
        ("/v1/scores", ScoreList),
        ("/v1/scores/running?from=2025-03-01T00:00:00Z", RunningScorePage),
        ("/v1/models", ModelList),
        ("/v1/incidents", IncidentPage),
    ):
        assert get(own, path, model) == []
    status = own.get("/v1/status").json()["data"]
    assert (status["feeds"], status["freshness"], status["data_age_s"]) == ([], "none", None)


def test_a_slow_statement_is_told_apart(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    with (
        writer.cursor() as cursor,
        api_client(postgres, namespace, statement_timeout_ms=200) as client,
    ):
        cursor.execute("LOCK TABLE symbol IN ACCESS EXCLUSIVE MODE")
        assert problem(client) == (503, "store_slow")
        writer.rollback()
        assert client.get("/v1/symbols").status_code == 200


def test_more_requests_than_connections_wait_and_then_are_told(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    settings = {"pool_size": 1, "pool_wait_s": 0.3, "statement_timeout_ms": 2000}
    with api_client(postgres, namespace, **settings) as client, writer.cursor() as cursor:
        cursor.execute("LOCK TABLE symbol IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(2) as pool:
            found = sorted(pool.map(lambda _: problem(client), range(2)))
        assert found == [(503, "store_busy"), (503, "store_slow")]
        writer.rollback()
        assert client.get("/v1/symbols").status_code == 200
