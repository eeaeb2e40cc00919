"""Chunks of history in a real Postgres: whole or not at all, the better source wins, own rows stay."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.postgres import connect, migrate
from conf.names import HOUR_MS, Namespace
from conf.settings import PostgresSettings
from streaming.history.cleaning import Cleaned, Rejection
from streaming.history.klines import Bar
from streaming.history.ledger import (
    backfilled_symbols,
    forget_loads,
    loaded_chunks,
    store_chunk,
    take_turn,
)
from streaming.history.months import month_of
from streaming.history.sources import Chunk
from tests.support.own_postgres import postgres_server

pytestmark = pytest.mark.integration

MONTH = month_of(1_706_745_600_000)
BAR = Bar(MONTH.start_ms, *[Decimal(5)] * 4, *[Decimal(1)] * 4, 3)  # type: ignore[arg-type,call-arg]  # figures in order


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresSettings]:
    with postgres_server() as settings:
        yield settings


@pytest.fixture
def namespace(postgres: PostgresSettings) -> Namespace:
    unique = Namespace(f"h-{uuid.uuid4().hex[:12]}")
    migrate(postgres, unique)
    return unique


@pytest.fixture
def connection(postgres: PostgresSettings, namespace: Namespace) -> Iterator[Connection]:
    with closing(connect(postgres, namespace)) as opened:
        yield opened


def rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def chunk(*bars: Bar, reasons: tuple[str, ...] = (), is_whole: bool = True) -> Chunk:
    rejections = [Rejection(n, reason, "row") for n, reason in enumerate(reasons)]
    return Chunk(MONTH, Cleaned(list(bars), rejections, 0), "sum", is_whole)


def closing_at(close: int, hour: int = 0) -> Bar:
    return replace(BAR, open_time_ms=MONTH.start_ms + hour * HOUR_MS, close=Decimal(close))


CURRENT = "SELECT source, close::int FROM candle_current ORDER BY open_time"


def test_a_better_source_replaces_a_lesser_one_never_the_other_way(connection: Connection) -> None:
    for source, close, expected in (
        ("rest-klines", 5, ("rest-klines", 5)),
        ("folder", 6, ("rest-klines", 5)),
        ("rest-klines", 7, ("rest-klines", 7)),
        ("dump", 7, ("dump", 7)),
        ("rest-klines", 8, ("dump", 7)),
        ("dump", 9, ("dump", 9)),
    ):
        store_chunk(connection, "BTCUSDT", source, chunk(closing_at(close)))
        assert rows(connection, CURRENT) == [expected]
    stamp = rows(connection, "SELECT updated_at FROM candle")
    store_chunk(connection, "BTCUSDT", "dump", chunk(closing_at(9)))
    assert rows(connection, "SELECT updated_at FROM candle") == stamp


@pytest.mark.parametrize(
    ("status", "verdict", "source"),
    [
        ("'final'", "'complete'", "trades"),
        ("'final'", "'disputed'", "trades"),
        ("'final'", "'complete'", "repair"),
        ("'provisional'", "NULL", "trades"),
        ("'final'", "'history'", "trades"),
    ],
)
def test_no_own_candle_is_ever_replaced_or_hidden(
    connection: Connection, status: str, verdict: str, source: str
) -> None:
    rows(
        connection,
        "INSERT INTO candle (symbol, open_time, revision, close, status, verdict, source) "
        f"VALUES ('BTCUSDT', '2024-02-01 00:00+00', 1, 1, {status}, {verdict}, '{source}')",
    )
    bars = (closing_at(7), closing_at(8, hour=1))
    own = store_chunk(connection, "BTCUSDT", "dump", chunk(*bars))
    assert rows(connection, CURRENT) == [(source, 1), ("dump", 8)]
    assert own == (0 if verdict == "'history'" else 1)


def test_an_own_candle_that_comes_later_lies_over_history(connection: Connection) -> None:
    store_chunk(connection, "BTCUSDT", "dump", chunk(closing_at(7)))
    rows(
        connection,
        "INSERT INTO candle (symbol, open_time, revision, close, status, verdict, source) "
        "VALUES ('BTCUSDT', '2024-02-01 00:00+00', 2, 1, 'final', 'complete', 'trades')",
    )
    store_chunk(connection, "BTCUSDT", "dump", chunk(closing_at(8)))
    assert rows(connection, CURRENT) == [("trades", 1)]
    assert rows(connection, "SELECT close::int FROM candle WHERE verdict = 'history'") == [(8,)]


def test_a_chunk_is_stored_whole_or_not_at_all(connection: Connection) -> None:
    broken = chunk(closing_at(7), reasons=("first", "second"))
    broken.cleaned.rejections.append(broken.cleaned.rejections[0])  # the same position twice
    with pytest.raises(psycopg2.errors.UniqueViolation):
        store_chunk(connection, "BTCUSDT", "dump", broken)
    for table in ("candle", "history_rejection", "history_load"):
        assert rows(connection, f"SELECT count(*) FROM {table}") == [(0,)]
    assert backfilled_symbols(connection) == set()


def test_a_chunk_that_comes_again_replaces_its_rejections_and_is_noted_once(
    connection: Connection,
) -> None:
    store_chunk(connection, "BTCUSDT", "dump", chunk(closing_at(7), reasons=("a", "b")))
    store_chunk(connection, "BTCUSDT", "dump", chunk(closing_at(7), reasons=("c",)))
    assert rows(connection, "SELECT reason FROM history_rejection") == [("c",)]
    assert rows(connection, "SELECT rows, rejected FROM history_load") == [(1, 1)]
    assert loaded_chunks(connection, "dump") == {"BTCUSDT": {"2024-02": "sum"}}
    assert loaded_chunks(connection, "folder") == {}
    assert backfilled_symbols(connection) == {"BTCUSDT"}
    forget_loads(connection, "dump", ["BTCUSDT"], [month_of(MONTH.end_ms)])
    assert loaded_chunks(connection, "dump")
    forget_loads(connection, "dump", ["BTCUSDT"], [MONTH])
    assert loaded_chunks(connection, "dump") == {}


def test_a_month_that_still_grows_is_stored_but_not_noted(connection: Connection) -> None:
    store_chunk(connection, "BTCUSDT", "rest-klines", chunk(closing_at(7), is_whole=False))
    assert rows(connection, CURRENT) == [("rest-klines", 7)]
    assert loaded_chunks(connection, "rest-klines") == {}


def test_one_backfill_of_a_namespace_at_a_time(
    postgres: PostgresSettings, namespace: Namespace, connection: Connection
) -> None:
    with closing(connect(postgres, namespace)) as other:
        assert take_turn(connection, namespace)
        assert not take_turn(other, namespace)
        assert take_turn(other, Namespace("another"))
