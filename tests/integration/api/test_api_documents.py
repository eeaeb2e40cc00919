"""What docs/api.md tells a reader to type works as it says, against a running server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.documents.candles import CandlePage
from api.documents.forecasts import ForecastPage
from conf.api import ApiSettings
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support.api_data import valid
from tests.support.api_events import parsed
from tests.support.api_server import ApiServer, api_server
from tests.support.bundle import ROOT

pytestmark = pytest.mark.integration

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
ADDRESS = "API=http://127.0.0.1:8700\n"


@pytest.fixture(scope="module")
def server(
    postgres: PostgresSettings, filled: Namespace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    folder: Path = tmp_path_factory.mktemp("documents")
    with api_server(postgres, filled, folder) as found:
        yield found


def run(block: str, server: ApiServer) -> list[str]:
    """Run a block of the page and return what each of its lines printed."""
    assert block.startswith(ADDRESS), "a reader must know where the server is"
    lines = block.removeprefix(ADDRESS).strip().splitlines()
    script = f"set -euo pipefail\nAPI={server.url}\n"
    script += "\n".join(f"{line}\necho '<end>'" for line in lines)
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("<end>\n")[: len(lines)]


def test_the_first_steps(server: ApiServer) -> None:
    printed = run(BLOCKS[0], server)
    assert len(printed) == 6
    assert all('"source_label":"synthetic × 180"' in text for text in printed)
    assert len(valid(printed[1], CandlePage)["data"]) == 24
    assert len(valid(printed[3], ForecastPage)["data"]) == 1


def test_what_a_client_holds_is_not_sent_again(server: ApiServer) -> None:
    assert run(BLOCKS[1], server)[-1] == "304\n"


def test_revisions(server: ApiServer) -> None:
    _, every, known = run(BLOCKS[2], server)
    assert {row["revision"] for row in valid(every, CandlePage)["data"]} == {1, 2}
    assert valid(known, CandlePage)["data"] == []


def test_the_stream(server: ApiServer) -> None:
    plain, resumed = (list(parsed(text.split("\n"))) for text in run(BLOCKS[3], server))
    assert [one.type for one in plain if one.type] == ["source"]
    assert [one.type for one in resumed if one.type] == ["source", "reset"]


def test_every_setting_is_on_the_page() -> None:
    table = PAGE.split("## Running it")[1]
    defaults = set(re.findall(r"`([A-Z_]+)`", table))
    assert {name.upper() for name in ApiSettings.model_fields} <= defaults
