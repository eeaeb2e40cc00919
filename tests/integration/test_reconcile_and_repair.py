"""Stores compared with each other and a stand-in exchange, and hours rebuilt from it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from conf.connections.hdfs import open_hdfs, write_replacing
from conf.contracts.incidents import IncidentKind, decode_incident
from conf.names import utc_time
from local.ports import PortClaims
from nexthour.cli import app
from streaming.candles.topic import CandleTopic
from streaming.candles.verdict import judge, read_hour
from streaming.reconcile.job import Request, reconcile
from streaming.reconcile.ranges import time_text
from streaming.reconcile.readers import read_topic
from streaming.repair.job import disputed_hours, request, work_off
from tests.support.bundle import ROOT, Bundle
from tests.support.candle_run import execute, in_postgres
from tests.support.exchange import ExchangeServer, start_exchange
from tests.support.repair_world import EXCHANGE, HOURS, SYMBOLS, World, archive_trades, open_world

pytestmark = pytest.mark.integration

WAIT_S = 60.0


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ExchangeServer]]:
    """Exchanges whose clocks stand still, so that all tests can share them."""
    ports = PortClaims()
    started: dict[bool, ExchangeServer] = {}

    def exchange(*, serves_historical_trades: bool) -> ExchangeServer:
        if serves_historical_trades not in started:
            variables = EXCHANGE | {
                "NEXTHOUR_STANDIN_SERVES_HISTORICAL_TRADES": str(serves_historical_trades)
            }
            folder = tmp_path_factory.mktemp("exchange")
            started[serves_historical_trades] = start_exchange(variables, ports, folder)
        return started[serves_historical_trades]

    yield exchange
    for server in started.values():
        server.process.stop()
    ports.release()


@pytest.fixture
def world(settings: Bundle, exchanges: Callable[..., ExchangeServer]) -> World:
    return open_world(settings, exchanges(serves_historical_trades=True))


def test_what_is_damaged_in_any_store_is_found_and_repaired(world: World) -> None:
    world.stream_writes(*world.all_hours())
    report = world.compare()
    assert report.outcome.is_green, report.outcome.findings
    assert all(t.expected == t.equal == HOURS for t in report.outcome.tallies.values())
    assert len(report.outcome.tallies) == len(SYMBOLS) * 3

    files = open_hdfs(world.context.hdfs)
    namespace = world.context.namespace
    files.rm_file(namespace.candle_file("BTCUSDT", world.hour(0), 1))
    write_replacing(files, namespace.candle_file("DOTUSDT", world.hour(0), 1), b"no Parquet")
    execute(
        world.context,
        "UPDATE candle SET volume = volume + 0.00000001 WHERE symbol = 'BTCUSDT' "
        f"AND open_time = '{utc_time(world.hour(1)).isoformat()}'",
    )
    lost = f"symbol = 'DOTUSDT' AND open_time = '{utc_time(world.hour(2)).isoformat()}'"
    execute(world.context, f"DELETE FROM candle WHERE {lost}")
    report = world.compare()
    found = {(f.symbol, f.open_time_ms, f.store): f.state.value for f in report.outcome.findings}
    assert found == {
        ("BTCUSDT", world.hour(0), "parquet"): "missing",
        ("DOTUSDT", world.hour(0), "parquet"): "different",
        ("BTCUSDT", world.hour(1), "postgres"): "different",
        # the others are equal to the exchange, but not to the newest row of Postgres
        ("BTCUSDT", world.hour(1), "topic"): "different",
        ("BTCUSDT", world.hour(1), "parquet"): "different",
        ("DOTUSDT", world.hour(2), "postgres"): "missing",
    }
    kept = execute(
        world.context,
        "SELECT r.is_green, (SELECT count(*) FROM reconcile_result x WHERE x.run_id = r.id), "
        "(SELECT count(*) FROM reconcile_difference d WHERE d.run_id = r.id) "
        "FROM reconcile_run r ORDER BY r.id",
    )
    assert kept == [(True, 6, 0), (False, 6, 6)]

    done = world.repair(*world.all_hours())
    states = {key: (one.state, one.revision) for key, one in done.items()}
    expected: dict[tuple[str, int], tuple[str, int]] = dict.fromkeys(
        world.all_hours(), ("unchanged", 1)
    )
    expected["BTCUSDT", world.hour(1)] = ("done", 2)
    expected["DOTUSDT", world.hour(2)] = ("done", 1)
    assert states == expected
    assert world.compare().outcome.is_green


def test_a_missing_hour_is_missing_and_a_false_one_different(world: World) -> None:
    kept = [hour for hour in world.all_hours() if hour != ("BTCUSDT", world.hour(3))]
    world.stream_writes(*kept)
    surplus = in_postgres(world.context)["DOTUSDT", world.hour(3), 1]
    CandleTopic(world.context.kafka, world.context.namespace.candles_topic).send(
        [replace(surplus, symbol="BTCUSDT", open_time_ms=world.hour(3))]
    )
    without = world.compare(with_exchange=False)
    assert {f.state.value for f in without.outcome.findings} == {"missing"}
    report = world.compare()
    states = {f.store: f.state.value for f in report.outcome.findings}
    assert states == {"postgres": "missing", "parquet": "missing", "topic": "different"}
    assert world.compare(stores=("parquet",), until_ms=world.hour(3)).outcome.is_green


def test_what_is_still_on_its_way_is_no_difference(world: World) -> None:
    world.stream_writes(*world.all_hours())
    files = open_hdfs(world.context.hdfs)
    path = world.context.namespace.candle_file("BTCUSDT", world.hour(2), 1)
    content = files.cat_file(path)
    files.rm_file(path)
    read: list[str] = []

    def arrive(part: str) -> None:
        read.append(part)
        if part == "parquet":  # the last one that is read
            write_replacing(files, path, content)

    chosen = Request(SYMBOLS, from_ms=world.first_ms, until_ms=world.hour(HOURS), second_look_s=0)
    assert asyncio.run(reconcile(world.context, chosen, arrive)).outcome.is_green
    assert read == ["exchange", "postgres", "topic", "parquet"]


def test_a_disputed_hour_becomes_complete_and_the_stream_lets_it_be(world: World) -> None:
    key = ("BTCUSDT", world.hour(1))
    world.stream_writes(*world.all_hours())
    assert not disputed_hours(world.context, None, SYMBOLS)
    world.stream_writes(key, without=5, batch=1)
    assert in_postgres(world.context)[(*key, 2)].verdict == "disputed"
    assert disputed_hours(world.context, None, SYMBOLS) == [key]
    archive_trades(world, *key, without=2)

    repaired = world.repair(key)[key]
    assert (repaired.state, repaired.revision, repaired.verdict) == ("done", 3, "complete")
    assert "2 from REST" in repaired.detail
    stored = world.stored_alike()
    right = stored[(*key, 1)]
    assert stored[(*key, 3)] == replace(right, revision=3, witness="REST", source="repair")
    assert world.compare().outcome.is_green

    # Again: nothing new. From the stream again, as after any restart: nothing changes.
    assert world.repair(key)[key].state == "unchanged"
    world.stream_writes(key, without=5, batch=2)
    world.stream_writes(key, batch=3)
    assert world.stored_alike() == stored
    told = [
        decode_incident(message)
        for message in read_topic(world.context.kafka, world.context.namespace.incidents_topic)
    ]
    assert [(one.kind, one.symbol) for one in told] == [(IncidentKind.REPAIRED, "BTCUSDT")]
    assert "revision 3: complete" in told[0].detail
    assert "was disputed" in told[0].detail


def test_an_archive_that_is_wrong_is_not_believed(world: World) -> None:
    key = ("DOTUSDT", world.hour(0))
    archive_trades(world, *key, falsified=True)
    repaired = world.repair(key)[key]
    assert (repaired.state, repaired.verdict) == ("done", "complete")
    assert world.compare(until_ms=world.hour(1)).outcome.findings != []  # BTCUSDT is not there
    assert ("DOTUSDT", world.hour(0), 1) in world.stored_alike()


def test_ids_that_cannot_be_had_leave_the_hour_disputed(
    world: World, exchanges: Callable[..., ExchangeServer]
) -> None:
    key = ("BTCUSDT", world.hour(1))
    world.stream_writes(key, without=5)
    poor = exchanges(serves_historical_trades=False)
    world.context = replace(world.context, exchange=poor.settings)
    before = world.stored_alike()
    kept = world.repair(key)[key]
    assert kept.state == "failed"
    assert kept.verdict == "disputed"
    assert "historicalTrades" in kept.detail
    assert world.stored_alike() == before
    assert world.requests() == [("BTCUSDT", "failed", 1)]
    # With all but a few in the archive more is known than before: the next revision, still disputed.
    archive_trades(world, *key, without=2)
    more = world.repair(key)[key]
    assert more.verdict in ("disputed", "complete")
    assert more.revision == 2


POINTS = ("rows_written", "files_written", "topic_flushed", "after_commit")
"""Before the file, between file and message, between message and row, after the row."""


def test_killed_between_any_two_steps_the_next_run_completes_it(
    world: World, settings: Bundle
) -> None:
    hours = [("BTCUSDT", world.hour(n)) for n in range(len(POINTS))]
    world.stream_writes(*hours, without=3)
    right = {hour: world.row(*hour) for hour in hours}
    environment = {
        **os.environ,
        **settings.environment,
        **world.exchange.environment,
        "NEXTHOUR_SYMBOLS": ",".join(SYMBOLS),
    }
    killed = []
    for hour, point in zip(hours, POINTS, strict=True):
        request(world.context, [hour], "a test")
        killed.append(
            subprocess.Popen(
                [sys.executable, "-m", "streaming.repair", "--wanted"],
                env={**environment, "NEXTHOUR_CANDLE_ABORT_AT": f"{point}:1"},
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        assert killed[-1].wait(60) == -9, point
        done = asyncio.run(work_off(world.context))
        assert [one.is_settled for one in done] == ([] if point == "after_commit" else [True])
    stored = world.stored_alike()
    assert set(stored) == {(*hour, revision) for hour in hours for revision in (1, 2)}
    for hour in hours:
        candle = stored[(*hour, 2)]
        assert candle == replace(
            judge(read_hour(right[hour])), revision=2, witness="REST", source="repair"
        )
    assert {state for _, state, _ in world.requests()} == {"done"}


def test_requests_that_come_meanwhile_stay_open_and_young_hours_wait(world: World) -> None:
    key, young = ("BTCUSDT", world.hour(0)), ("BTCUSDT", world.hour(9))
    world.stream_writes(key, without=2)
    request(world.context, [key, young], "late trades")

    def ask_again(_count: int) -> None:
        request(world.context, [key], "more late trades")

    done = asyncio.run(work_off(world.context, on_count=ask_again))
    assert {one.open_time_ms: one.state for one in done} == {key[1]: "done", young[1]: "wanted"}
    rows = "SELECT open_time, state, requests FROM repair ORDER BY open_time"
    assert [row[1:] for row in execute(world.context, rows)] == [("wanted", 2), ("wanted", 1)]
    asyncio.run(work_off(world.context))
    assert [row[1:] for row in execute(world.context, rows)] == [("unchanged", 2), ("wanted", 1)]


def test_an_hour_that_the_exchange_does_not_have_fails_with_its_reason(world: World) -> None:
    key = ("BTCUSDT", world.hour(-100))
    failed = world.repair(key)[key]
    assert failed.state == "failed"
    assert "halted" in failed.detail


def test_commands_compare_repair_and_say_in_one_line_what_to_do(
    world: World, settings: Bundle, tmp_path: Path
) -> None:
    environment = {
        **settings.environment,
        **world.exchange.environment,
        "NEXTHOUR_SYMBOLS": ",".join(SYMBOLS),
        "COLUMNS": "400",
    }

    def nexthour(*arguments: str, **changes: str) -> tuple[int, str, str]:
        ended = CliRunner().invoke(app, arguments, env=environment | changes)
        return ended.exit_code, ended.stdout, ended.stderr

    world.stream_writes(*world.all_hours()[1:])
    bounds = ("--from", time_text(world.first_ms), "--until", time_text(world.hour(HOURS)))
    file = tmp_path / "result.json"
    code, out, _ = nexthour("reconcile", *bounds, "--json", str(file))
    assert code == 1
    when = time_text(world.first_ms)
    assert f"nexthour repair --symbol BTCUSDT --hour {when}" in out
    result = orjson.loads(file.read_bytes())
    assert result["is_green"] is False
    assert {one["open_time"] for one in result["differences"]} == {when}
    code, out, _ = nexthour("repair", "--symbol", "BTCUSDT", "--hour", when)
    assert (code, f"BTCUSDT {when} r1  complete" in out) == (0, True)
    code, out, _ = nexthour("reconcile", *bounds)
    assert (code, "green" in out) == (0, True)
    assert nexthour("reconcile", "--no-exchange")[0] == 0
    assert nexthour("repair", "--wanted")[0] == 0
    nowhere = "postgresql://x@127.0.0.1:9/x"
    refused: list[tuple[tuple[str, ...], dict[str, str], str]] = [
        (("reconcile", "--from", "2026-01-01T00:00"), {}, "append Z"),
        (("reconcile", "--stores", "paper"), {}, "choose from"),
        (("reconcile", "--run", "demo"), {}, "no run 'demo'"),
        (("repair",), {}, "choose one"),
        (("reconcile",), {"NEXTHOUR_EXCHANGE_REST_URL": "http://127.0.0.1:9"}, "no exchange"),
        (("reconcile",), {"NEXTHOUR_POSTGRES_URL": nowhere}, "NEXTHOUR_POSTGRES_URL"),
    ]
    for arguments, changes, hint in refused:
        code, _, errors = nexthour(*arguments, **changes)
        assert (code, len(errors.splitlines())) == (2, 1), errors
        assert hint in errors
