"""The whole application without a database: what it refuses before it asks, and how it says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.errors import ErrorDocument
from api.store import Store
from conf.api import ApiSettings
from conf.names import Namespace
from conf.settings import PostgresSettings

pytestmark = pytest.mark.unit

NOWHERE = PostgresSettings(url=SecretStr("postgresql://postgres@127.0.0.1:9/postgres"))
KEY = "naïve key"


def client_of(**settings: object) -> TestClient:
    given = ApiSettings.model_validate(settings)
    return TestClient(create_app(given, Store(NOWHERE, Namespace("demo"), given)))


@pytest.fixture
def client() -> Iterator[TestClient]:
    with client_of() as found:
        yield found


def error(response: Any) -> tuple[int, str, str | None]:
    found = ErrorDocument.model_validate_json(response.text, strict=True).error
    assert response.headers["content-type"] == "application/json"
    assert "\n" not in found.message
    return response.status_code, found.code, found.parameter


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/candles", (422, "invalid_parameter", "symbol")),
        ("/v1/candles?symbol=BTCUSDT&from=2026-01-01", (422, "invalid_parameter", "from")),
        ("/v1/candles?symbol=BTCUSDT&limit=5001", (422, "invalid_parameter", "limit")),
        ("/v1/candles?symbol=BTCUSDT&limit=20001", (422, "invalid_parameter", "limit")),
        ("/v1/candles?symbol=BTCUSDT&page=2", (422, "invalid_parameter", "page")),
        ("/v1/candles?symbol=BTCUSDT&interval=4h&revision=1", (400, "bad_combination", "revision")),
        (
            "/v1/candles?symbol=BTCUSDT&from=2026-01-02T00:00Z&until=2026-01-01T00:00Z",
            (400, "bad_combination", "until"),
        ),
        ("/v1/candles?symbol=BTCUSDT&cursor=x", (400, "bad_cursor", "cursor")),
        ("/v1/forecasts?kind=old", (422, "invalid_parameter", "kind")),
        ("/v1/forecasts?cursor=x", (400, "bad_cursor", "cursor")),
        ("/v1/scores?window=1y", (422, "invalid_parameter", "window")),
        ("/v1/scores/running", (422, "invalid_parameter", "from")),
        ("/v1/incidents?kind=nothing", (422, "invalid_parameter", "kind")),
        ("/v1/symbols?limit=5", (422, "invalid_parameter", "limit")),
        ("/v1/status?x=1", (422, "invalid_parameter", "x")),
        ("/v1/models/%00", (422, "invalid_parameter", "version")),
        ("/v1/nothing", (404, "not_found", None)),
        ("/v1/candles/", (404, "not_found", None)),
        ("/docs", (404, "not_found", None)),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_form(
    client: TestClient, path: str, expected: tuple[int, str, str | None]
) -> None:
    assert error(client.get(path)) == expected


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(client: TestClient, method: str) -> None:
    response = client.request(method, "/v1/symbols")
    assert error(response) == (405, "method_not_allowed", None)
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "path", ["/v1/symbols", "/v1/candles?symbol=BTCUSDT", "/v1/status", "/v1/stream", "/healthz"]
)
def test_without_a_database_the_answer_is_503(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert error(response) == (503, "store_down", None)
    assert response.headers["retry-after"] == "1"
    assert "127.0.0.1" not in response.text, "where the database is, is nobody's business"


def test_an_event_id_that_is_none_is_refused(client: TestClient) -> None:
    response = client.get("/v1/stream", headers={"Last-Event-ID": "x"})
    assert error(response) == (400, "bad_event_id", None)


def test_a_server_may_allow_smaller_pages_and_says_so() -> None:
    with client_of(max_rows=100) as client:
        assert error(client.get("/v1/forecasts?limit=101")) == (422, "invalid_parameter", "limit")
        assert error(client.get("/v1/forecasts?limit=100"))[1] == "store_down"
        assert error(client.get("/v1/forecasts"))[1] == "store_down", "the default fits, too"
        paths = client.get("/v1/openapi.json").json()["paths"]
    (limit,) = (one for one in paths["/v1/candles"]["get"]["parameters"] if one["name"] == "limit")
    assert (limit["schema"]["maximum"], limit["schema"]["default"]) == (100, 100)


@pytest.mark.parametrize("path", ["/v1/symbols", "/v1/nothing", "/v1/openapi.json", "/healthz"])
def test_every_answer_tells_browsers_not_to_guess(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Origin": "https://a.example"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_pages_of_named_origins_may_read() -> None:
    with client_of(cors_origins="https://a.example") as client:
        ours = client.get("/v1/openapi.json", headers={"Origin": "https://a.example"})
        other = client.get("/v1/openapi.json", headers={"Origin": "https://b.example"})
        asked = client.options(
            "/v1/symbols",
            headers={
                "Origin": "https://a.example",
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "x-api-key,if-none-match",
            },
        )
    assert ours.headers["access-control-allow-origin"] == "https://a.example"
    assert "ETag" in ours.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers
    assert asked.status_code == 200


@pytest.mark.parametrize("given", [None, "", "wrong", KEY + "x", KEY[:-1], "\xff"])
def test_without_the_key_nothing_is_told(given: str | None) -> None:
    headers = {} if given is None else {"X-API-Key": given.encode()}
    with client_of(key=KEY) as client:
        for path in ("/v1/symbols", "/v1/candles", "/v1/stream", "/v1/models/x"):
            assert error(client.get(path, headers=headers)) == (401, "unauthorized", None)


def test_with_the_key_the_request_goes_on() -> None:
    with client_of(key=KEY) as client:
        response = client.get("/v1/symbols", headers={"X-API-Key": KEY.encode()})
        assert error(response) == (503, "store_down", None)
        assert client.get("/v1/openapi.json").status_code == 200
        assert error(client.get("/healthz")) == (503, "store_down", None)


def described(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        yield from ((path, operation) for operation in item.values())


def test_openapi_describes_every_parameter_field_and_error(client: TestClient) -> None:
    schema = client.get("/v1/openapi.json").json()
    assert len(schema["paths"]) == 11
    ids = [operation["operationId"] for _, operation in described(schema)]
    assert len(set(ids)) == len(ids)
    for path, operation in described(schema):
        assert operation["description"], path
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], (path, parameter["name"])
        answers = operation["responses"]
        assert answers["503"]["content"]["application/json"]["schema"]["$ref"].endswith(
            "/ErrorDocument"
        ), path
        assert "HTTPValidationError" not in str(answers), path
        if path not in ("/v1/status", "/v1/stream", "/healthz"):
            assert "304" in answers, path
            assert "ETag" in answers["200"]["headers"], path
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert "securitySchemes" not in schema["components"]


def test_openapi_says_that_a_key_is_needed() -> None:
    with client_of(key=KEY) as client:
        schema = client.get("/v1/openapi.json").json()
    (scheme,) = schema["components"]["securitySchemes"].values()
    assert (scheme["in"], scheme["name"]) == ("header", "X-API-Key")
    for path, operation in described(schema):
        assert ("security" in operation) == path.startswith("/v1/"), path
        assert ("401" in operation["responses"]) == path.startswith("/v1/"), path
