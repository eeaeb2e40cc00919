"""Rows for the read API's tests, besides those of the dashboard's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from pydantic import BaseModel

from api.documents.candles import CandlePage
from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support.own_postgres import create_namespace

SYMBOL = "TESTUSDT"
HOUR = timedelta(hours=1)
DAY = datetime(2025, 3, 1, tzinfo=UTC)
"""A day that the dashboard's rows do not reach."""
WRITTEN = datetime(2025, 3, 5, 12, tzinfo=UTC)

M = TypeVar("M", bound=BaseModel)


def valid(text: str, model: type[M]) -> dict[str, Any]:
    """Return an answer's JSON that says exactly what its model describes, no field more or less."""
    found = model.model_validate_json(text, strict=True)
    fields: dict[str, Any] = found.model_dump(mode="json")
    assert json.loads(text) == fields
    return fields


def get(
    client: httpx.Client, path: str, model: type[BaseModel], **params: object
) -> list[dict[str, Any]]:
    """Return the documents of an answer that says exactly what is described."""
    response = client.get(path, params=params or None)  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = valid(response.text, model)["data"]
    return found


def candles(client: httpx.Client, **params: object) -> list[dict[str, Any]]:
    """Return candles, of `SYMBOL` unless another one is named."""
    return get(client, "/v1/candles", CandlePage, **{"symbol": SYMBOL, **params})


def hours_of(rows: list[dict[str, Any]]) -> list[int]:
    """Return the hour of the day of each candle."""
    return [int(row["open_time"][11:13]) for row in rows]


def prepared_namespace(postgres: PostgresSettings, name: str) -> Namespace:
    """Create a namespace as `nexthour.prepare` does, without rows."""
    namespace = create_namespace(postgres, name)
    connection = connect(postgres, namespace)
    run = {"namespace": name, "venue": "standin", "source_label": "synthetic × 180", "speed": 180}
    insert(connection, "run_info", run)
    connection.close()
    return namespace


def candle(symbol: str, open_time: datetime, **changes: Any) -> dict[str, Any]:
    """Return a candle's row: a complete hour at 100, written once."""
    row: dict[str, Any] = {
        "symbol": symbol,
        "open_time": open_time,
        "revision": 1,
        "open": Decimal(100),
        "high": Decimal(101),
        "low": Decimal(99),
        "close": Decimal("100.50"),
        "volume": Decimal("2.50000000"),
        "quote_volume": Decimal(250),
        "taker_buy_volume": Decimal(1),
        "taker_buy_quote_volume": Decimal(100),
        "trades": 10,
        "first_trade_id": 1,
        "last_trade_id": 10,
        "status": "final",
        "verdict": "complete",
        "reason": None,
        "witness": "STREAM",
        "source": "trades",
        "updated_at": WRITTEN,
    }
    return row | changes


def forecast(symbol: str, target: datetime, **changes: Any) -> dict[str, Any]:
    """Return a forecast's row: rising from 100 to 101, band 98 to 104."""
    row: dict[str, Any] = {
        "symbol": symbol,
        "target_open_time": target,
        "model_version": "v1",
        "kind": "live",
        "as_of_open_time": target - HOUR,
        "issued_at": target + timedelta(minutes=1),
        "last_close": Decimal(100),
        "q05": Decimal(98),
        "q25": Decimal(100),
        "q50": Decimal(101),
        "q75": Decimal(102),
        "q95": Decimal(104),
        "is_fallback": False,
        "refusal_reason": None,
        "input_verdict": "complete",
        "mask": "1",
        "feature_hash": "0" * 64,
        "written_at": WRITTEN,
    }
    return row | changes


def refusal(symbol: str, target: datetime, reason: str, **changes: Any) -> dict[str, Any]:
    """Return a refusal's row."""
    nothing = dict.fromkeys(("q05", "q25", "q50", "q75", "q95"))
    return forecast(symbol, target, refusal_reason=reason, **nothing) | changes


def insert(connection: Connection, table: str, *rows: dict[str, Any]) -> None:
    """Insert rows into a table in one transaction."""
    with connection, connection.cursor() as cursor:
        add(cursor, table, *rows)


def add(cursor: psycopg2.extensions.cursor, table: str, *rows: dict[str, Any]) -> None:
    """Insert rows into a table in the caller's transaction."""
    for row in rows:
        places = ", ".join(f"%({name})s" for name in row)
        cursor.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", row)
