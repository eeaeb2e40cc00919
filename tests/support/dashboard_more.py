"""More seeded rows for the dashboard's tests: models and their life, projections, data quality."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - likewise
from psycopg2.extras import Json, execute_values

from conf.names import epoch_ms
from conf.settings import DEFAULT_SYMBOLS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SHADOW_VERSION = "20260101T120000Z-5bad0e"
OLD_VERSION = "20251220T000000Z-01d01d"
METHODS = {"POLUSDT": "short history", "USDCUSDT": "pegged"}
PATHS = 6
HORIZON = 180
REPAIR_REASON = "late records"


def fill_more(
    connection: Connection, live_start: datetime, live_hours: int, closes: dict[str, float]
) -> None:
    """Write what is beside candles and forecasts.

    Args:
        connection: to a namespace that `dashboard_data.fill` has filled.
        live_start: first live hour.
        live_hours: closed ones.
        closes: last close of each symbol.
    """
    with connection, connection.cursor() as cursor:
        _fill_models(cursor, live_start, live_hours)
        _fill_projection(cursor, live_start + DAY, closes)
        _fill_reconcile(cursor, live_start)
        _fill_repairs(cursor, live_start)


def _fill_models(cursor: Cursor, live_start: datetime, live_hours: int) -> None:
    now = datetime.now(UTC)
    expires = {"expires_ms": epoch_ms(live_start + 60 * DAY)}
    for version, status in ((SHADOW_VERSION, "shadow"), (OLD_VERSION, "rejected")):
        cursor.execute(
            "INSERT INTO model_version VALUES (%s, %s, %s, %s, %s, %s, %s, 20100, 0.1925, 0.1979, "
            "0.9948, 55.2, %s)",
            (
                *(version, status, now - timedelta(minutes=9), "c" * 64, "d" * 64),
                *(live_start - 10 * DAY, live_start, Json(expires)),
            ),
        )
    shadow = [
        (live_start + hour * HOUR, SHADOW_VERSION, "shadow", live_start + hour * HOUR, 10, 0, 91.0)
        for hour in range(live_hours - 8, live_hours)
    ]
    execute_values(
        cursor,
        "INSERT INTO forecast_run (target_open_time, model_version, kind, issued_at, forecasts, "
        "refusals, scoring_ms) VALUES %s",
        shadow,
    )
    last = live_start + live_hours * HOUR
    events = [
        (live_start - 2 * HOUR, "trained", None, "in 42 s", {"code": 0, "seconds": 42.0}),
        (live_start - HOUR, "promoted", "20260101T000000Z-00d1ce", "no version yet", {}),
        (
            last - 9 * HOUR,
            "drift",
            "20260101T000000Z-00d1ce",
            "input sigma: stability index 0.31",
            {},
        ),
        (last - 8 * HOUR, "shadow", SHADOW_VERSION, "the gate lets it pass", {}),
        (last - HOUR, "rejected", OLD_VERSION, "overtaken by a newer one", {}),
    ]
    execute_values(
        cursor,
        "INSERT INTO model_event (happened_at, kind, model_version, reason, detail) VALUES %s",
        [(*event[:4], Json(event[4])) for event in events],
    )


def fan_rows(
    symbol: str, origin: datetime, last: float, draw: random.Random
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return rows of `projection` and of `projection_path` of one symbol."""
    daily = 0.0004 if symbol == "USDCUSDT" else 0.03
    method = METHODS.get(symbol, "simulated")
    fan, paths = [], []
    for day in range(1, HORIZON + 1):
        spread = daily * math.sqrt(day)
        quantiles = [last * math.exp(spread * z) for z in (-1.645, -0.674, 0, 0.674, 1.645)]
        fan.append((symbol, origin, day, *quantiles, last, method, 7))
    for path in range(PATHS):
        price = last
        for day in range(1, HORIZON + 1):
            price *= math.exp(draw.gauss(0, daily))
            paths.append((symbol, origin, path, day, price))
    return fan, paths


def _fill_projection(cursor: Cursor, origin: datetime, closes: dict[str, float]) -> None:
    for back in (0, 1):
        for symbol in DEFAULT_SYMBOLS:
            draw = random.Random(f"{symbol}-{back}")
            fan, paths = fan_rows(symbol, origin - back * DAY, closes[symbol], draw)
            execute_values(
                cursor,
                "INSERT INTO projection (symbol, origin, horizon_days, q05, q25, q50, q75, q95, "
                "last_close, method, seed) VALUES %s",
                fan,
                page_size=1000,
            )
            execute_values(
                cursor,
                "INSERT INTO projection_path (symbol, origin, path, horizon_days, price) VALUES %s",
                paths,
                page_size=2000,
            )


def _fill_reconcile(cursor: Cursor, live_start: datetime) -> None:
    """Write a green comparison, then a red one."""
    for is_green in (True, False):
        cursor.execute(
            "INSERT INTO reconcile_run (finished_at, from_time, until_time, is_green, stores) "
            "VALUES (clock_timestamp(), %s, %s, %s, %s) RETURNING id",
            (live_start, live_start + DAY, is_green, ["exchange", "postgres", "hdfs", "kafka"]),
        )
        row = cursor.fetchone()
        assert row is not None
        results = [
            (row[0], symbol, store, 24, 24, 0, 0, 0)
            for symbol in DEFAULT_SYMBOLS
            for store in ("hdfs", "kafka", "postgres")
            if is_green or (symbol, store) != ("ETHUSDT", "hdfs")
        ]
        if not is_green:
            results.append((row[0], "ETHUSDT", "hdfs", 24, 22, 1, 1, 0))
            cursor.execute(
                "INSERT INTO reconcile_difference VALUES (%s, 'ETHUSDT', %s, 'hdfs', %s)",
                (row[0], live_start + 15 * HOUR, "missing: no file of this hour"),
            )
        execute_values(cursor, "INSERT INTO reconcile_result VALUES %s", results)


def _fill_repairs(cursor: Cursor, live_start: datetime) -> None:
    execute_values(
        cursor,
        "INSERT INTO repair (symbol, open_time, reason, state, revision, detail, done_at) VALUES %s",
        [
            (
                "ETHUSDT",
                live_start + 21 * HOUR,
                REPAIR_REASON,
                "done",
                2,
                "5 trades more",
                datetime.now(UTC),
            ),
            ("ETHUSDT", live_start + 15 * HOUR, "no candle", "wanted", None, None, None),
        ],
    )
    cursor.execute(
        "INSERT INTO history_load (symbol, source, chunk, rows, rejected) "
        "VALUES ('BTCUSDT', 'rest-klines', '2025-12', 240, 1)"
    )
    cursor.execute(
        "INSERT INTO incident (kind, producer, symbol, detail, started_at) "
        "VALUES ('late_trades', 'archive', 'ETHUSDT', '5 records of 1 hours came too late', %s)",
        (live_start + 21 * HOUR,),
    )
