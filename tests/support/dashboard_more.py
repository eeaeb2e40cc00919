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
ANALYSED_DAYS = 400
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
        _fill_analysis(cursor, live_start + DAY, closes)
        _fill_evaluation(cursor, live_start, closes)


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


def _fill_analysis(cursor: Cursor, until: datetime, closes: dict[str, float]) -> None:
    """Write a year of days of an analysis; days are not those of the candles, only as many as shown."""
    cursor.execute(
        "INSERT INTO analysis_run (started_at, finished_at, until_time, symbols, hours, changed) "
        "VALUES (clock_timestamp() - interval '20 s', clock_timestamp(), %s, %s, %s, %s)",
        (until, list(DEFAULT_SYMBOLS), 24 * ANALYSED_DAYS * len(DEFAULT_SYMBOLS), 4000),
    )
    for symbol in DEFAULT_SYMBOLS:
        draw = random.Random(f"analysis-{symbol}")
        daily = 0.0003 if symbol == "USDCUSDT" else 0.03
        price, day_rows, week_rows, volatilities = closes[symbol], [], [], []
        for back in range(1, ANALYSED_DAYS + 1):
            day = (until - back * DAY).date()
            change = draw.gauss(0, daily)
            opened = round(price / (1 + change), 4)
            low, high = round(min(opened, price) * 0.99, 4), round(max(opened, price) * 1.01, 4)
            row = (
                symbol,
                day,
                opened,
                high,
                low,
                price,
                1e4,
                1e4 * price,
                24,
                0,
                24,
                change,
                daily,
            )
            day_rows.append(row)
            if day.weekday() == 0:
                week_rows.append((*row[:2], 7, *row[2:8], 168, 0, 168, change, 2.6 * daily))
            annual = daily * math.sqrt(365)
            noise = [annual * (1 + draw.gauss(0, share)) for share in (0.3, 0.1, 0.03)]
            volatilities.append((symbol, day, 24, noise[0], 168, noise[1], 720, noise[2]))
            price = opened
        for table, values in (
            ("analysis_day", day_rows),
            ("analysis_week", week_rows),
            ("analysis_volatility", volatilities),
            ("analysis_pattern", _pattern_rows(symbol, draw)),
        ):
            execute_values(cursor, f"INSERT INTO {table} VALUES %s", values, page_size=1000)
    coins = sorted(DEFAULT_SYMBOLS)
    draw = random.Random("correlation")
    last = (until - DAY).date()
    pairs = [(a, b) for at, a in enumerate(coins) for b in coins[at + 1 :]]
    found = [
        (span, a, b, last, 720, 0.02 if "USDCUSDT" in (a, b) else draw.uniform(0.4, 0.9))
        for span in ("30d", "whole")
        for a, b in pairs
    ]
    execute_values(cursor, "INSERT INTO analysis_correlation VALUES %s", found)


def _pattern_rows(symbol: str, draw: random.Random) -> list[tuple[Any, ...]]:
    rows = []
    for weekday in range(1, 8):
        for hour in range(24):
            busy = 1 + 0.5 * math.sin(hour / 24 * 2 * math.pi - 2)
            move = 0.004 * busy * draw.uniform(0.9, 1.1)
            rows.append((symbol, weekday, hour, 52, move, 52, 1000 * busy, 52, busy))
    return rows


def _fill_evaluation(cursor: Cursor, until: datetime, closes: dict[str, float]) -> None:
    """Write a finished evaluation: one model that is better, one that is not, the last price itself."""
    first, last = until - 400 * DAY, until - 30 * DAY
    coins = [symbol for symbol in DEFAULT_SYMBOLS if symbol != "USDCUSDT"]
    cursor.execute(
        "INSERT INTO evaluation_run VALUES ('e1', clock_timestamp(), %s, %s, %s, 8880, 79920, 720, "
        "ARRAY[7, 8, 9], %s, ARRAY['USDCUSDT'], ARRAY[]::text[], 'd1', 'unknown', 'lstm')",
        (first - HOUR, first, last, coins),
    )
    models = (
        ("lstm", 1, True, 0.9962, 0.518, 4.1, 0.021, 3, 39, 5160.0, 210.0, 1980),
        ("lightgbm", 2, False, 0.9991, 0.507, 1.2, 0.012, 3, 39, 410.0, 35.0, 900),
        ("last price", 3, False, 1.0, 0.5, 0.0, 0.0, 0, None, None, 2.0, 300),
    )
    for name, place, better, rmae, da, t, pinball, seeds, fits, fit_s, score_s, peak in models:
        cursor.execute(
            "INSERT INTO evaluation_model (digest, model, place, is_better, rmae, rmae_low, rmae_high, "
            "da, da_se, dm_t, pinball_skill, coverage_50, coverage_90, refused, seeds, fits, fit_s, "
            "score_s, peak_mib, figures) VALUES ('e1', %s, %s, %s, %s, %s, %s, %s, 0.0021, %s, %s, "
            "0.497, 0.903, 0.001, %s, %s, %s, %s, %s, '{}')",
            (
                *(name, place, better, rmae, rmae - 0.002, rmae + 0.002, da, t, pinball),
                *(seeds, fits, fit_s, score_s, peak),
            ),
        )
    for symbol in coins:
        draw = random.Random(f"evaluation-{symbol}")
        price, found = closes[symbol], []
        for hour in range(14 * 24):
            target = last - hour * HOUR
            before = price / (1 + draw.gauss(0, 0.006))
            bands = [before * (1 + share) for share in (-0.01, -0.004, 0.0002, 0.004, 0.01)]
            found.append(
                ("e1", "lstm", symbol, target - HOUR, target, before, *bands, price, False, None)
            )
            price = before
        execute_values(cursor, "INSERT INTO evaluation_prediction VALUES %s", found, page_size=1000)
