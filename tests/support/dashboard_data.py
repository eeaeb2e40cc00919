"""Seeded rows for the dashboard's tests: every state that a viewer must be able to tell apart."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - likewise
from psycopg2.extras import Json, execute_values

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from tests.support.dashboard_more import fill_more
from tests.support.own_postgres import create_namespace

HOUR = timedelta(hours=1)
LIVE_START = datetime(2026, 1, 1, tzinfo=UTC)
HISTORY_HOURS = 240
LIVE_HOURS = 30
SPEED = 180
VERSION = "20260101T000000Z-00d1ce"
ODD_SYMBOL = "ETHUSDT"  # carries the hole, the quiet, the disputed and the revised hour
HOLE, QUIET, DISPUTED, REVISED = (LIVE_START + hours * HOUR for hours in (15, 17, 19, 21))
SILENT_SYMBOL = "SOLUSDT"
REFUSED_SYMBOL = "ADAUSDT"  # its newest forecast is a refusal
DISPUTED_REASON = "ids 20112..20117 are missing (gap never filled)"
REFUSAL_REASON = "hour 2026-01-02T05:00Z is not final"

FIRST_PRICES = {
    "BTCUSDT": ("87648.22", "0.01"),
    "ETHUSDT": ("2967.04", "0.01"),
    "XRPUSDT": ("1.8412", "0.0001"),
    "BNBUSDT": ("863.27", "0.01"),
    "DOGEUSDT": ("0.11712", "0.00001"),
    "ADAUSDT": ("0.3331", "0.0001"),
    "POLUSDT": ("0.0998", "0.0001"),
    "DOTUSDT": ("1.793", "0.001"),
    "SOLUSDT": ("124.61", "0.01"),
    "USDCUSDT": ("1.0002", "0.0001"),
}

CANDLE_REPORT = {
    "batch_id": 812,
    "batch_ms": 420,
    "input_rows": 2310,
    "lag": {"test.trades": 12},
    "dropped_rows": 0,
    "imbalances": 0,
    "observed_sums": {"records": {"read": 48_213, "malformed": 2, "too_old": 5}},
}

CANDLE_COLUMNS = (
    "symbol, open_time, revision, open, high, low, close, volume, quote_volume, trades, "
    "first_trade_id, last_trade_id, status, verdict, reason, witness, source, updated_at"
)
FORECAST_COLUMNS = (
    "symbol, target_open_time, model_version, as_of_open_time, issued_at, last_close, "
    "q05, q25, q50, q75, q95, is_fallback, refusal_reason, input_verdict, mask, feature_hash, "
    "written_at"
)


@dataclass(frozen=True)
class Hour:
    """One synthetic hour of one symbol."""

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


def hours_of(symbol: str, seed: int, count: int) -> list[Hour]:
    """Return `count` consecutive hours from the start of history; equal seeds give equal hours."""
    draw = random.Random(f"{seed}-{symbol}")
    first, tick_text = FIRST_PRICES[symbol]
    price, tick = Decimal(first), Decimal(tick_text)
    sigma = 0.0001 if symbol == "USDCUSDT" else 0.006
    hours = []
    for index in range(count):
        steps = [price]
        for _ in range(4):
            moved = float(steps[-1]) * (1 + draw.gauss(0, sigma / 2))
            steps.append(max(tick, Decimal(moved).quantize(tick)))
        begin = LIVE_START + (index - HISTORY_HOURS) * HOUR
        hours.append(Hour(begin, steps[0], max(steps), min(steps), steps[-1]))
        price = steps[-1]
    return hours


def _candle_row(symbol: str, hour: Hour, **changes: Any) -> tuple[Any, ...]:
    row = {
        "symbol": symbol,
        "open_time": hour.open_time,
        "revision": 1,
        "open": hour.open,
        "high": hour.high,
        "low": hour.low,
        "close": hour.close,
        "volume": Decimal("1250.5") * (1 + hour.open_time.hour),
        "quote_volume": Decimal("1250.5") * (1 + hour.open_time.hour) * hour.close,
        "trades": 420,
        "first_trade_id": 1000,
        "last_trade_id": 1419,
        "status": "final",
        "verdict": "complete",
        "reason": None,
        "witness": "STREAM",
        "source": "trades",
        "updated_at": datetime.now(UTC),
    }
    row.update(changes)
    return tuple(row.values())


def _odd_rows(symbol: str, hour: Hour, written: datetime) -> list[tuple[Any, ...]]:
    """Return the rows of a closed live hour, with the odd symbol's special hours."""
    special = hour.open_time if symbol == ODD_SYMBOL else None
    if special == HOLE:
        return []
    if special == QUIET:
        flat = Hour(hour.open_time, *[hour.open] * 4)
        nothing = {"volume": 0, "quote_volume": 0, "trades": 0}
        ids = {"first_trade_id": None, "last_trade_id": None}
        return [_candle_row(symbol, flat, verdict="quiet", updated_at=written, **nothing, **ids)]
    if special == DISPUTED:
        says = {"verdict": "disputed", "reason": DISPUTED_REASON}
        return [_candle_row(symbol, hour, updated_at=written, **says)]
    rows = [_candle_row(symbol, hour, updated_at=written)]
    if special == REVISED:
        rows.append(_candle_row(symbol, hour, revision=2, trades=425, updated_at=written))
    if hour.open_time == LIVE_START:
        reason = "the series begins inside the hour"
        rows = [_candle_row(symbol, hour, verdict="partial", reason=reason, updated_at=written)]
    return rows


def _forecast_row(
    symbol: str, made_from: Hour, written: datetime, *, refused: bool = False
) -> tuple[Any, ...]:
    tick = Decimal(FIRST_PRICES[symbol][1])
    close = made_from.close
    sigma = Decimal("0.0001") if symbol == "USDCUSDT" else Decimal("0.006")
    quantiles = [
        (close * (1 + sigma * factor)).quantize(tick)
        for factor in (
            Decimal("-1.6"),
            Decimal("-0.6"),
            Decimal("0.05"),
            Decimal("0.7"),
            Decimal(2),
        )
    ]
    return (
        symbol,
        made_from.open_time + HOUR,
        VERSION,
        made_from.open_time,
        made_from.open_time + HOUR + timedelta(minutes=4),
        close,
        *([None] * 5 if refused else quantiles),
        False,
        REFUSAL_REASON if refused else None,
        "complete",
        "1" * len(DEFAULT_SYMBOLS),
        "0" * 64,
        written,
    )


def write_candles(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    """Insert candles, or replace those of the same key."""
    sets = ", ".join(f"{name} = excluded.{name}" for name in CANDLE_COLUMNS.split(", ")[3:])
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            f"INSERT INTO candle ({CANDLE_COLUMNS}) VALUES %s "
            f"ON CONFLICT (symbol, interval, open_time, revision) DO UPDATE SET {sets}",
            rows,
            page_size=1000,
        )


def write_forecasts(connection: Connection, rows: list[tuple[Any, ...]], at: datetime) -> None:
    """Insert forecasts with the run rows of their hours."""
    runs: dict[datetime, int] = {}
    for row in rows:
        runs[row[1]] = runs.get(row[1], 0) + 1
    with connection, connection.cursor() as cursor:
        execute_values(cursor, f"INSERT INTO forecast ({FORECAST_COLUMNS}) VALUES %s", rows)
        execute_values(
            cursor,
            "INSERT INTO forecast_run (target_open_time, model_version, issued_at, forecasts, "
            "refusals, scoring_ms, written_at) VALUES %s",
            [(hour, VERSION, hour, count, 0, 80.0, at) for hour, count in runs.items()],
        )


def score(connection: Connection) -> None:
    """Score every forecast whose hour is final, as the forecast query does when the hour closes."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO forecast_score (symbol, target_open_time, model_version, kind, "
            "candle_revision, verdict, last_close, actual_close, is_fallback, abs_error, "
            "naive_abs_error, in_band_50, in_band_90) "
            "SELECT f.symbol, f.target_open_time, f.model_version, f.kind, c.revision, c.verdict, "
            "f.last_close, c.close, f.is_fallback, abs(c.close - f.q50), abs(c.close - f.last_close), "
            "c.close BETWEEN f.q25 AND f.q75, c.close BETWEEN f.q05 AND f.q95 "
            "FROM forecast f JOIN candle_current c ON c.symbol = f.symbol AND c.interval = '1h' "
            "AND c.open_time = f.target_open_time AND c.status = 'final' AND c.close IS NOT NULL "
            "WHERE f.refusal_reason IS NULL ON CONFLICT DO NOTHING"
        )


def fill(connection: Connection, seed: int = 7) -> None:
    """Write a whole namespace: history, live hours, the running hour, forecasts, model and jobs."""
    now = datetime.now(UTC)
    wall_hour = timedelta(seconds=3600 / SPEED)
    candles: list[tuple[Any, ...]] = []
    last_closes: dict[str, float] = {}
    forecasts: list[tuple[Any, ...]] = []
    for symbol in DEFAULT_SYMBOLS:
        hours = hours_of(symbol, seed, HISTORY_HOURS + LIVE_HOURS + 1)
        past = {"source": "rest-klines", "verdict": "history", "updated_at": now - 60 * wall_hour}
        candles += [_candle_row(symbol, hour, **past) for hour in hours[:HISTORY_HOURS]]
        closed = hours[HISTORY_HOURS : HISTORY_HOURS + LIVE_HOURS]
        for index, hour in enumerate(closed):
            written = now - (LIVE_HOURS - index) * wall_hour + timedelta(seconds=9)
            candles += _odd_rows(symbol, hour, written)
            refused = symbol == REFUSED_SYMBOL and hour is closed[-1]
            if hour.open_time >= LIVE_START + HOUR and (symbol, hour.open_time) != (
                ODD_SYMBOL,
                HOLE,
            ):
                forecasts.append(_forecast_row(symbol, hour, written, refused=refused))
        last_closes[symbol] = float(closed[-1].close)
        running = {"status": "provisional", "verdict": None, "witness": None}
        candles.append(_candle_row(symbol, hours[-1], updated_at=now, **running))
    write_candles(connection, candles)
    write_forecasts(connection, forecasts, now - timedelta(seconds=9))
    score(connection)
    _fill_state(connection, now)
    fill_more(connection, LIVE_START, LIVE_HOURS, last_closes)


def _fill_state(connection: Connection, now: datetime) -> None:
    live_hour = LIVE_START + LIVE_HOURS * HOUR
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO run_info (namespace, venue, source_label, speed) VALUES (%s, %s, %s, %s)",
            ("test", "stand-in", f"synthetic × {SPEED}", SPEED),
        )
        execute_values(
            cursor,
            "INSERT INTO symbol (symbol, status, base_asset, quote_asset, tick_size, step_size, "
            "position) VALUES %s",
            [
                (name, "TRADING", name.removesuffix("USDT"), "USDT", FIRST_PRICES[name][1], "1", at)
                for at, name in enumerate(DEFAULT_SYMBOLS)
            ],
        )
        cursor.execute(
            "INSERT INTO model_version VALUES (%s, 'bootstrap', %s, %s, %s, %s, %s, 18240, "
            "0.1931, 0.1979, 0.9952, 41.5, %s)",
            (
                VERSION,
                now - timedelta(minutes=12),
                "a" * 64,
                "b" * 64,
                LIVE_START - HISTORY_HOURS * HOUR,
                LIVE_START,
                Json({"expires_ms": int((LIVE_START + timedelta(days=60)).timestamp() * 1000)}),
            ),
        )
        execute_values(
            cursor,
            "INSERT INTO job_status (job, state, detail, updated_at) VALUES %s",
            [
                ("candles", "running", Json(CANDLE_REPORT), now),
                ("forecasts", "running", Json({"batch_id": 301, "batch_ms": 640}), now),
            ],
        )
        _fill_feed(cursor, live_hour + timedelta(minutes=27), now)


def _fill_feed(cursor: Cursor, exchange: datetime, now: datetime) -> None:
    """Write what a producer reported: one feed in each state that a viewer must tell apart."""
    declared = DISPUTED + timedelta(seconds=75)
    ids = (20112, 20117)
    gap = ("gap_declared", "1/1", ODD_SYMBOL, *ids, "never filled", DISPUTED, declared, 75_000)
    execute_values(
        cursor,
        "INSERT INTO incident (kind, producer, symbol, first_id, last_id, detail, started_at, "
        "ended_at, duration_ms) VALUES %s",
        [
            ("started", "1/1", None, None, None, "", LIVE_START, None, None),
            gap,
            ("gap_filled", "1/1", "BTCUSDT", 7, 7, "REST", REVISED, REVISED, 0),
            ("handover", "1/1", None, None, None, "", REVISED, exchange, 1200),
        ],
    )
    states = {"DOTUSDT": "filling", SILENT_SYMBOL: "silent", "POLUSDT": "disconnected"}
    execute_values(
        cursor,
        "INSERT INTO feed_status (symbol, producer, state, last_trade_id, last_trade_time, "
        "exchange_time, lag_ms, connected_since, held, updated_at) VALUES %s",
        [
            (
                *(name, "1/1", states.get(name, "live"), 1419, exchange - timedelta(seconds=2)),
                *(exchange, 2000, LIVE_START, 12 if name == "DOTUSDT" else 0),
                now - timedelta(seconds=1),
            )
            for name in DEFAULT_SYMBOLS
        ],
    )


def close_running_hour(connection: Connection, symbol: str, close: Decimal) -> datetime:
    """Make the symbol's running hour final with this close and start the next; return its open."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE candle SET status = 'final', verdict = 'complete', close = %s, "
            "high = greatest(high, %s), low = least(low, %s), updated_at = clock_timestamp() "
            "WHERE symbol = %s AND status = 'provisional' RETURNING open_time",
            (close, close, close, symbol),
        )
        row = cursor.fetchone()
    assert row is not None
    opened: datetime = row[0]
    running = Hour(opened + HOUR, close, close, close, close)
    now = datetime.now(UTC)
    changes = {"status": "provisional", "verdict": None, "witness": None, "updated_at": now}
    write_candles(connection, [_candle_row(symbol, running, **changes)])
    finished = Hour(opened, close, close, close, close)
    with connection, connection.cursor() as cursor:
        row = _forecast_row(symbol, finished, now)
        execute_values(cursor, f"INSERT INTO forecast ({FORECAST_COLUMNS}) VALUES %s", [row])
    score(connection)
    return opened


def filled_namespace(settings: PostgresSettings, name: str, seed: int = 7) -> Namespace:
    """Create, migrate and fill a namespace."""
    namespace = create_namespace(settings, name)
    connection = connect(settings, namespace)
    fill(connection, seed)
    connection.close()
    return namespace
