"""`python -m api` as a process: an orderly end, a database that goes and comes, who may do what."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from rich.console import Console

from api.queries.base import rows
from api.store import Store
from conf.api import ApiSettings
from conf.connections.postgres import READER_ROLE, connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from local.ports import HOST, PortClaims
from nexthour.progress import Steps
from nexthour.running import running_systems
from nexthour.system import System
from tests.support.api_data import DAY, HOUR, SYMBOL, candle, insert, prepared_namespace
from tests.support.api_events import Told, parsed
from tests.support.api_server import ApiServer, api_server, environment
from tests.support.bundle import ROOT
from tests.support.eventually import eventually
from tests.support.servers import PostgresServer

pytestmark = pytest.mark.integration

KEY = "a secret of this test"


@pytest.fixture
def server(postgres: PostgresSettings, namespace: Namespace, tmp_path: Path) -> Iterator[ApiServer]:
    settings = {"sse_poll_s": 0.1, "sse_keepalive_s": 0.5, "sse_max_streams": 1}
    with api_server(postgres, namespace, tmp_path, **settings) as found:
        yield found


def told(response: httpx.Response) -> Iterator[Told]:
    """Yield candles as they arrive."""
    return (one for one in parsed(response.iter_lines()) if one.type == "candle")


def write_now(writer: Connection, hour: int) -> None:
    insert(writer, "candle", candle(SYMBOL, DAY + hour * HOUR, updated_at=datetime.now(UTC)))


def test_a_new_candle_arrives_and_a_listener_that_comes_back_misses_none(
    server: ApiServer, writer: Connection
) -> None:
    with server.client() as client:
        with client.stream("GET", "/v1/stream") as response:
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert response.headers["cache-control"] == "no-store"
            candles = told(response)
            write_now(writer, 1)
            first = next(candles)
            assert first.data["open_time"] == "2025-03-01T01:00:00Z"
        write_now(writer, 2)
        headers = {"Last-Event-ID": str(first.id)}

        def again() -> list[str]:
            with client.stream("GET", "/v1/stream", headers=headers) as response:
                assert response.status_code == 200, "the place of the former stream is free again"
                candles = told(response)
                missed = next(candles)
                write_now(writer, 3)
                return [missed.data["open_time"], next(candles).data["open_time"]]

        assert eventually(again, 10) == ["2025-03-01T02:00:00Z", "2025-03-01T03:00:00Z"]


def test_more_streams_than_allowed_are_refused_and_a_closed_one_makes_room(
    server: ApiServer, writer: Connection
) -> None:
    with server.client() as client, server.client() as other:
        with client.stream("GET", "/v1/stream") as response:
            candles = told(response)
            write_now(writer, 1)
            next(candles)
            refused = other.get("/v1/stream")
            assert (refused.status_code, refused.json()["error"]["code"]) == (
                503,
                "too_many_streams",
            )
            assert other.get("/v1/stream?follow=false").status_code == 200

        def is_open() -> bool:
            with other.stream("GET", "/v1/stream") as response:
                return response.status_code == 200

        assert eventually(is_open, 10)


def test_sigterm_ends_it_well_with_a_stream_open(server: ApiServer, writer: Connection) -> None:
    with server.client() as client, client.stream("GET", "/v1/stream") as response:
        candles = told(response)
        write_now(writer, 1)
        next(candles)
        begun = time.monotonic()
        server.process.ask_to_stop()
        assert list(candles) == [], "the stream ends in order"
        assert server.process.wait(10) == 0
        assert time.monotonic() - begun < 5
    assert '"event": "stopped"' in server.process.log_text()


def test_a_request_under_way_is_answered_before_the_end(
    server: ApiServer, writer: Connection
) -> None:
    with writer.cursor() as cursor, server.client() as client:
        cursor.execute("LOCK TABLE symbol IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.get, "/v1/symbols")
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"

            def is_waiting() -> bool:
                cursor.execute(waiting)
                row = cursor.fetchone()
                return row is not None and row[0] > 0

            eventually(is_waiting, 10)
            server.process.ask_to_stop()
            eventually(lambda: not _listens(server.url), 10)
            writer.rollback()
            assert asked.result().status_code == 200
    assert server.process.wait(10) == 0


def _listens(url: str) -> bool:
    try:
        httpx.get(f"{url}/v1/openapi.json", timeout=1)
    except httpx.TransportError:
        return False
    return True


def run_once(**variables: str) -> tuple[int, str]:
    """Run it where it cannot start; return exit code and what it says on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "api"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_port_that_is_taken_is_one_line_that_names_the_setting(
    server: ApiServer, postgres: PostgresSettings, namespace: Namespace
) -> None:
    port = server.url.rpartition(":")[2]
    code, said = run_once(**environment(postgres, namespace, port=port))
    assert code == 2
    assert said.count("\n") == 1
    assert f"{HOST}:{port} cannot be opened" in said
    assert "NEXTHOUR_API_PORT" in said


def test_a_wrong_setting_is_one_line() -> None:
    code, said = run_once(NEXTHOUR_API_PORT="many")
    assert (code, said.count("\n")) == (2, 1)
    assert "port: Input should be a valid integer" in said


def test_the_command_serves_the_environments_run(
    postgres: PostgresSettings, filled: Namespace, tmp_path: Path
) -> None:
    ports = PortClaims()
    port = ports.claim(0, "read API")
    code = "import sys; from nexthour.cli import main; sys.argv[0] = 'nexthour'; main()"
    command = [sys.executable, "-c", code, "api", "--port", str(port)]
    variables = {**environment(postgres, filled), "NEXTHOUR_VAR_DIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", **variables}) as process:
        url = f"http://{HOST}:{port}/v1/symbols"
        symbols = eventually(lambda: _answer(url), 30)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    ports.release()
    assert len(symbols["data"]) == 10


def _answer(url: str) -> dict[str, list[object]] | None:
    try:
        answer: dict[str, list[object]] = httpx.get(url, timeout=5).raise_for_status().json()
    except httpx.HTTPError:
        return None
    return answer


def test_the_local_stack_starts_it_and_notes_its_address(
    postgres: PostgresSettings, filled: Namespace, tmp_path: Path
) -> None:
    variables = dict(environment(postgres, filled))
    system = System(tmp_path / "demo", variables, Steps(Console(quiet=True)), fresh=True)
    try:
        url = system.start_api()
        assert system.addresses == {"api": url}
        (noted,) = running_systems(tmp_path)
        assert noted.addresses == {"api": url}
        assert len(httpx.get(f"{url}/v1/symbols").json()["data"]) == 10
        system.require_running(["api"])
    finally:
        system.stop()
    assert system.stop_one("api") == 0


def test_the_key_opens_everything_and_without_it_nothing_is_open(
    postgres: PostgresSettings, filled: Namespace, tmp_path: Path
) -> None:
    with api_server(postgres, filled, tmp_path, key=KEY) as server, server.client() as client:
        assert client.get("/v1/symbols").status_code == 401
        assert client.get("/v1/symbols", headers={"X-API-Key": KEY}).status_code == 200
        assert client.get("/v1/stream?follow=false").status_code == 401
        assert KEY not in server.process.log_text()


def test_the_reader_can_read_and_nothing_else(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    store = Store(postgres, namespace, ApiSettings())
    for statement in (
        "DELETE FROM candle",
        "INSERT INTO incident (kind, started_at) VALUES ('x', now())",
        "UPDATE run_info SET speed = 1",
        "CREATE TABLE t (x int)",
    ):
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            store.read(lambda connection, text=statement: rows(connection, text))  # type: ignore[misc]
    store.close()
    reader = connect(postgres, namespace, role=READER_ROLE)  # even without a read-only transaction
    for statement in ("DELETE FROM candle", "INSERT INTO symbol (symbol) VALUES ('X')"):
        with (
            pytest.raises(psycopg2.errors.InsufficientPrivilege),
            reader,
            reader.cursor() as cursor,
        ):
            cursor.execute(statement)
    reader.close()


def test_a_connection_that_the_server_closed_is_replaced_unseen(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    store = Store(postgres, namespace, ApiSettings())
    backend = "SELECT pg_backend_pid() AS pid LIMIT 1"
    (first,) = store.read(lambda connection: rows(connection, backend))
    with writer, writer.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (first["pid"],))
    (second,) = store.read(lambda connection: rows(connection, backend))
    assert second["pid"] != first["pid"]
    store.close()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    ports = PortClaims()
    found = PostgresServer(tmp_path / "postgres", ports)
    found.start()
    yield found
    found.stop()
    ports.release()


def test_without_postgres_it_says_so_and_recovers_by_itself(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    settings = PostgresSettings.model_validate({"url": own_postgres.url})
    namespace = prepared_namespace(settings, "outage")
    options = {"sse_poll_s": 0.1, "sse_keepalive_s": 0.5}
    with (
        api_server(settings, namespace, tmp_path, **options) as server,
        server.client() as client,
        client.stream("GET", "/v1/stream") as response,
    ):
        events = parsed(response.iter_lines())
        assert next(events).type == "source"
        for path in ("/v1/symbols", "/healthz"):
            assert client.get(path).status_code == 200
        own_postgres.end(signal.SIGKILL)
        for path in ("/v1/symbols", "/v1/candles?symbol=X", "/v1/status", "/healthz"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert answer.json()["error"] == {
                "code": "store_down",
                "message": "the database does not answer; try again later",
                "parameter": None,
            }
        own_postgres.start()
        assert client.get("/v1/symbols").status_code == 200
        writer = connect(settings, namespace)
        write_now(writer, 1)
        writer.close()
        candles = (one for one in events if one.type == "candle")
        assert next(candles).data["open_time"] == "2025-03-01T01:00:00Z", "the stream lived on"
        data_ok = client.get("/v1/candles", params={"symbol": SYMBOL}).json()["data"]
        assert len(data_ok) == 1
