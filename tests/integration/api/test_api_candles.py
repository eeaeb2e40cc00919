"""Candles: hours to the digit, ranges, revisions, what was known when."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.documents.system import SymbolList
from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support import dashboard_data as data
from tests.support.api_data import (
    DAY,
    HOUR,
    SYMBOL,
    WRITTEN,
    candle,
    candles,
    get,
    hours_of,
    insert,
)

pytestmark = pytest.mark.integration


def test_hours_say_what_the_tables_hold_to_the_digit(
    client: TestClient, postgres: PostgresSettings, filled: Namespace
) -> None:
    found = candles(client, symbol=data.ODD_SYMBOL, limit=1000)
    connection = connect(postgres, filled)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT open_time, revision, open, high, low, close, volume, quote_volume, trades, verdict, reason "
            "FROM candle_current WHERE symbol = %s AND status = 'final' ORDER BY open_time",
            (data.ODD_SYMBOL,),
        )
        stored = cursor.fetchall()
    connection.close()
    assert len(found) == len(stored) > 200
    for row, (time, revision, *prices, trades, verdict, reason) in zip(found, stored, strict=True):
        assert row["open_time"] == time.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (row["revision"], row["trades"]) == (revision, trades)
        assert (row["verdict"], row["reason"]) == (verdict, reason)
        names = ("open", "high", "low", "close", "volume", "quote_volume")
        assert [Decimal(row[name]) for name in names] == prices
        assert all(row[name] == row[name].rstrip("0") or "." not in row[name] for name in names)


def test_ranges_are_inclusive_exclusive_and_take_any_zone(
    own: TestClient, writer: Connection
) -> None:
    insert(writer, "candle", *(candle(SYMBOL, DAY + n * HOUR) for n in range(6)))
    given = {"from": "2025-03-01T01:00:00Z", "until": "2025-03-01T04:00:00Z"}
    assert hours_of(candles(own, **given)) == [1, 2, 3]
    assert hours_of(candles(own, **given, order="desc")) == [3, 2, 1]
    given = {"from": "2025-03-01T02:30:00+01:00", "until": "2025-03-01T03:30:00Z"}
    assert hours_of(candles(own, **given)) == [2, 3], "an hour belongs where it opens"
    assert candles(own, **{"from": "2025-03-01T04:00:00Z", "until": "2025-03-01T04:00:00Z"}) == []
    far = {"from": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-12:00"}
    assert len(candles(own, **far)) == 6
    assert hours_of(candles(own, **far, interval="4h", provisional=True)) == [0, 4]


def test_the_running_hour_comes_on_request_only(client: TestClient) -> None:
    closed = candles(client, symbol="BTCUSDT", order="desc", limit=1)
    running = candles(client, symbol="BTCUSDT", order="desc", limit=1, provisional=True)
    assert (closed[0]["status"], running[0]["status"]) == ("final", "provisional")
    assert running[0]["verdict"] is None
    assert running[0]["open_time"] > closed[0]["open_time"]


def test_the_current_revision_comes_once_and_all_on_request(
    own: TestClient, writer: Connection
) -> None:
    rows = [candle(SYMBOL, DAY), candle(SYMBOL, DAY + HOUR)]
    rows += [candle(SYMBOL, DAY, revision=n, trades=10 + n, source="repair") for n in (2, 3)]
    insert(writer, "candle", *rows)
    assert [(row["revision"], row["trades"]) for row in candles(own)] == [(3, 13), (1, 10)]
    every = candles(own, revision="all")
    assert [(row["open_time"][11:13], row["revision"]) for row in every] == [
        ("00", 1),
        ("00", 2),
        ("00", 3),
        ("01", 1),
    ]
    assert [row["revision"] for row in candles(own, revision="all", order="desc")] == [1, 3, 2, 1]
    assert [row["trades"] for row in candles(own, revision="2")] == [12]
    assert candles(own, revision="4") == []


def test_as_known_at_shows_each_hour_in_the_revision_of_that_time(
    own: TestClient, writer: Connection
) -> None:
    later = WRITTEN + timedelta(days=1)
    insert(
        writer,
        "candle",
        candle(SYMBOL, DAY),
        candle(SYMBOL, DAY, revision=2, trades=12, source="repair", updated_at=later),
        candle(SYMBOL, DAY + HOUR, updated_at=later),
    )

    def known(at: str, **params: object) -> list[tuple[int, int | None]]:
        found = candles(own, as_known_at=at, **params)
        return [(hour, row["revision"]) for hour, row in zip(hours_of(found), found, strict=True)]

    assert known("2025-03-05T11:59:59.999999Z") == []
    assert known("2025-03-05T12:00:00Z") == [(0, 1)], "written at that moment is known"
    assert known("2025-03-06T11:59:59Z") == [(0, 1)]
    assert known("2025-03-06T12:00:00Z") == [(0, 2), (1, 1)]
    assert known("2025-03-06T11:59:59Z", revision="all") == [(0, 1)]
    assert known("2025-03-06T11:59:59Z", revision="2") == []
    bars = {"interval": "4h", "provisional": True}
    assert [row["trades"] for row in candles(own, as_known_at="2025-03-06T11:00:00Z", **bars)] == [
        10
    ]
    assert [row["trades"] for row in candles(own, as_known_at="2025-03-06T13:00:00Z", **bars)] == [
        22
    ]


def test_a_symbol_that_nobody_knows_is_404_and_one_without_rows_is_empty(
    own: TestClient, writer: Connection
) -> None:
    answer = own.get("/v1/candles", params={"symbol": SYMBOL})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_symbol")
    insert(
        writer,
        "symbol",
        {
            "symbol": SYMBOL,
            "status": "TRADING",
            "base_asset": "TEST",
            "quote_asset": "USDT",
            "tick_size": Decimal("0.01"),
            "step_size": Decimal("0.00001000"),
            "position": 0,
        },
    )
    assert candles(own) == []
    (symbol,) = get(own, "/v1/symbols", SymbolList)
    assert symbol["step_size"] == "0.00001"
