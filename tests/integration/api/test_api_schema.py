"""The running API against its own OpenAPI description: whatever may be sent, the answer is as described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis.config import SchemathesisConfig

from api.app import create_app
from api.store import Store
from conf.api import ApiSettings
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support.api_server import ApiServer, api_server

pytestmark = pytest.mark.integration

KEY = "schemathesis"
EXAMPLES = 15
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            # 400: each parameter fits its description, but not together, or the cursor is none
            "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "400", "401", "404"]}
        },
    }
)


def described() -> dict[str, object]:
    """Return what a server with the key says of itself; no database is needed for that."""
    given = ApiSettings(key=SecretStr(KEY))
    nowhere = PostgresSettings(url=SecretStr("postgresql://x@127.0.0.1:9/x"))
    return create_app(given, Store(nowhere, Namespace("nowhere"), given)).openapi()


schema = schemathesis.openapi.from_dict(described(), config=CONFIG)


@pytest.fixture(scope="module")
def server(
    postgres: PostgresSettings, filled: Namespace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    folder: Path = tmp_path_factory.mktemp("schema")
    with api_server(postgres, filled, folder, key=KEY) as found:
        yield found


def test_the_server_describes_itself_so(server: ApiServer) -> None:
    with server.client() as client:
        assert client.get("/v1/openapi.json").json() == described()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_answers_are_as_described(case: schemathesis.Case, server: ApiServer) -> None:
    if case.path == "/v1/stream" and case.query.get("follow", True) not in ("false", False):
        case.query["follow"] = "false"  # else it would go on for ever
    case.call_and_validate(base_url=server.url, headers={"X-API-Key": KEY}, timeout=20)
