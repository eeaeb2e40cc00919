"""A namespace of the real stores with a past, a model and an exchange clock that a test sets."""

from __future__ import annotations

import io
import json
import random
import shutil
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import pyarrow.parquet as pq
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg2.extras import execute_values

from conf.connections.hdfs import open_hdfs, read_file
from conf.connections.hdfs_folders import parquet_rows
from conf.connections.postgres import connect
from conf.connections.s3 import open_s3
from conf.contracts.candles import Candle, candle_key, encode_candle
from conf.contracts.forecasts import QUANTILES, Forecast, decode_forecast
from conf.names import HOUR_MS, utc_date, utc_time
from conf.settings import CandleSettings, ExchangeSettings, ForecastSettings
from model.calibration import CoinState
from model.features import FeatureSpec
from model.registry import CHAMPION, Registry
from streaming.context import PipelineContext
from streaming.forecasts.stores import COLUMNS, from_record
from streaming.reconcile.readers import read_topic
from tests.support.bundle import Bundle

SYMBOLS = ("BTCUSDT", "ETHUSDT", "POLUSDT", "USDCUSDT")
LIVE = 490_896 * HOUR_MS  # 2026-01-01T00:00Z
HISTORY_HOURS = 400
AFTER_CLOSE_MS = 2_000
PRICES = {"BTCUSDT": "61685.99", "ETHUSDT": "2682.50", "POLUSDT": "0.4123", "USDCUSDT": "1.0001"}
TICKS = {"BTCUSDT": "0.01000000", "ETHUSDT": "0.01", "POLUSDT": "0.0001", "USDCUSDT": "0.00010000"}
BASE = (-1.6, -0.5, 0.0, 0.5, 1.6)
"""Quantiles of z that the untrained network stands on."""


class SettableClock(AbstractContextManager["SettableClock"]):
    """A real HTTP server that answers `/api/v3/time` with the time that a test set last."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        clock = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"serverTime": clock.now_ms}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class UntrainedModel:
    """A folder with `lstm-7.keras` and the hash of its weights."""

    folder: Path
    weights_hash: str


class ForecastWorld:
    """Writes what the candles query and the training would have written, and reads what came of it.

    Args:
        context: settings of the real stores, see `world_context`.
        clock: the exchange's time.
        model: what `publish_model` publishes.
        folder: local folder for models.
    """

    def __init__(
        self, context: PipelineContext, clock: SettableClock, model: UntrainedModel, folder: Path
    ) -> None:
        self.context = context
        self.clock = clock
        self._model = model
        self._folder = folder
        self._namespace = context.namespace
        self._random = random.Random(7)
        self._closes = {symbol: Decimal(price) for symbol, price in PRICES.items()}
        self._producer = Producer(context.kafka.client_config())
        s3 = open_s3(context.s3)
        self.registry = Registry(s3, context.s3.bucket, self._namespace.s3_prefix)
        self.registry.ensure_bucket()
        self._make_topics()
        self.sql = connect(context.postgres, self._namespace)
        self.sql.autocommit = True
        self._list_symbols()
        past = [
            self.next_candle(symbol, LIVE - n * HOUR_MS, source="rest-klines")
            for n in range(HISTORY_HOURS, 0, -1)
            for symbol in SYMBOLS
        ]
        self._store(past, "history")
        with self.sql.cursor() as cursor:  # the history was there long before there was a model
            cursor.execute("UPDATE candle SET updated_at = updated_at - interval '1 hour'")

    def close(self) -> None:
        """Close the connections."""
        self.sql.close()

    def publish_model(
        self,
        created_at: str,
        *,
        expires_ms: int = LIVE + 400 * HOUR_MS,
        alias: str | None = CHAMPION,
        seeds: Mapping[str, CoinState] | None = None,
        manifest: Mapping[str, Any] | None = None,
    ) -> str:
        """Publish the untrained network as of a time (ISO 8601), point an alias at it; return its version."""
        folder = self._folder / f"model-{created_at.replace(':', '')}"
        folder.mkdir()
        shutil.copy(self._model.folder / "lstm-7.keras", folder)
        fit = {"kind": "network", "file": "lstm-7.keras", "weight": 1.0}
        signature = {
            "spec": FeatureSpec(SYMBOLS).to_dict(),
            "levels": QUANTILES,
            "expires_ms": expires_ms,
            "base": BASE,
            "members": [{"name": "lstm", "fits": [fit]}],
            "median_weight": 1.0,
            "is_guarded": True,
            "is_calibrated": True,
            "stable": {"USDCUSDT": {"levels": QUANTILES, "quantiles": BASE, "tick": 0.0001}},
        }
        (folder / "signature.json").write_bytes(orjson.dumps(signature))
        states = {symbol: state.to_dict() for symbol, state in (seeds or {}).items()}
        (folder / "calibration.json").write_bytes(orjson.dumps(states))
        (folder / "inputs.json").write_bytes(orjson.dumps({}))
        named = {"created_at": created_at, "weights_hash": self._model.weights_hash}
        version = self.registry.publish(folder, {**(manifest or {}), **named})
        if alias is not None:
            self.registry.point(alias, version, "bootstrap" if alias == CHAMPION else alias)
        return version

    def next_candle(self, symbol: str, open_time_ms: int, **changes: Any) -> Candle:
        """Return a plausible next hour of a symbol."""
        tick = Decimal(TICKS[symbol])
        opened = self._closes[symbol]
        steps = self._random.randint(-1, 1) if symbol == "USDCUSDT" else self._random.gauss(0, 40)
        move = Decimal(round(steps)) * tick
        scale = Decimal(20) if symbol == "BTCUSDT" else Decimal(1)
        closed = max(opened + move * scale, 10 * tick)
        self._closes[symbol] = closed
        volume = Decimal(self._random.randint(10_000, 99_999)).scaleb(-2)
        candle = Candle(
            symbol=symbol,
            open_time_ms=open_time_ms,
            revision=1,
            open=opened,
            high=max(opened, closed) + tick,
            low=min(opened, closed) - tick,
            close=closed,
            volume=volume,
            quote_volume=volume * closed,
            taker_buy_volume=volume / 2,
            taker_buy_quote_volume=volume * closed / 2,
            trades=100,
            first_trade_id=1,
            last_trade_id=100,
            verdict="complete",
            reason=None,
            witness="STREAM",
        )
        return replace(candle, **changes)

    def close_hour(self, open_time_ms: int, *symbols: str, **changes: Any) -> list[Candle]:
        """Store the final candles of an hour as the candles query does: the topic, then the table."""
        candles = [self.next_candle(s, open_time_ms, **changes) for s in symbols or SYMBOLS]
        self.store(candles)
        return candles

    def pass_hour(self, n: int, **changes: Any) -> int:
        """Let hour n after `LIVE` pass: the clock, then its final candles; return the hour to forecast."""
        target_ms = LIVE + (n + 1) * HOUR_MS
        self.clock.now_ms = target_ms + AFTER_CLOSE_MS
        self.close_hour(LIVE + n * HOUR_MS, **changes)
        return target_ms

    def store(self, candles: list[Candle]) -> None:
        """Write final candles to the topic, then to the table."""
        for candle in candles:
            self._producer.produce(
                self._namespace.candles_topic,
                encode_candle(candle),
                candle_key(candle.symbol, candle.open_time_ms),
            )
        assert self._producer.flush(10) == 0
        self._store(candles, None)

    def rows(self, target_open_time_ms: int, kind: str = "live") -> dict[str, Forecast]:
        """Return the rows of the table `forecast` of a kind for a target hour."""
        with self.sql.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(COLUMNS)} FROM forecast "
                "WHERE target_open_time = %s AND kind = %s",
                (utc_time(target_open_time_ms), kind),
            )
            found = [from_record(dict(zip(COLUMNS, row, strict=True))) for row in cursor]
        by_symbol = {row.symbol: row for row in found}
        assert len(by_symbol) == len(found)
        return by_symbol

    def runs(self) -> list[tuple[Any, ...]]:
        """Return all runs, oldest target first."""
        with self.sql.cursor() as cursor:
            cursor.execute(
                "SELECT target_open_time, model_version, forecasts, refusals FROM forecast_run "
                "WHERE kind = 'live' ORDER BY target_open_time"
            )
            return cursor.fetchall()

    def hdfs_rows(self, target_open_time_ms: int) -> dict[str, Forecast]:
        """Return the rows of all visible forecast files of a target hour."""
        folder = f"{self._namespace.hdfs_root}/forecasts/date={utc_date(target_open_time_ms)}"
        files = open_hdfs(self.context.hdfs)
        names = [n for n in self.files(folder) if n.startswith(f"{target_open_time_ms}-")]
        rows = [
            from_record(record)
            for name in names
            for record in parquet_rows(read_file(files, f"{folder}/{name}"))
        ]
        assert len(rows) == len({row.symbol for row in rows})
        return {row.symbol: row for row in rows}

    def features(self, target_open_time_ms: int) -> Any:
        """Return the record of what the model saw, as a frame."""
        path = self._namespace.features_file(target_open_time_ms)
        content = read_file(open_hdfs(self.context.hdfs), path)
        return pq.read_table(io.BytesIO(content)).to_pandas()

    def files(self, folder: str) -> list[str]:
        """Return the names in an HDFS folder, hidden ones too."""
        files = open_hdfs(self.context.hdfs)
        if not files.exists(folder):
            return []
        return sorted(path.rsplit("/", 1)[-1] for path in files.ls(folder, detail=False))

    def topic_rows(self, target_open_time_ms: int) -> list[Forecast]:
        """Return all messages of the topic `forecasts` for a target hour, in their order."""
        rows = []
        for message in read_topic(self.context.kafka, self._namespace.forecasts_topic):
            row = decode_forecast(message)
            if row.target_open_time_ms == target_open_time_ms:
                rows.append(row)
        return rows

    def _make_topics(self) -> None:
        admin = AdminClient(self.context.kafka.client_config())
        names = (self._namespace.candles_topic, self._namespace.forecasts_topic)
        for future in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
            future.result(20)

    def _list_symbols(self) -> None:
        with self.sql.cursor() as cursor:
            for position, symbol in enumerate(SYMBOLS):
                cursor.execute(
                    "INSERT INTO symbol (symbol, status, base_asset, quote_asset, tick_size, "
                    "step_size, position) VALUES (%s, 'TRADING', %s, 'USDT', %s, 0.01, %s)",
                    (symbol, symbol.removesuffix("USDT"), TICKS[symbol], position),
                )

    def _store(self, candles: list[Candle], verdict: str | None) -> None:
        rows = []
        for candle in candles:
            fields = {name: getattr(candle, name) for name in Candle.__slots__}
            fields["open_time_ms"] = utc_time(candle.open_time_ms)
            fields["verdict"] = verdict or candle.verdict
            rows.append((*fields.values(), "final"))
        names = ["open_time" if name == "open_time_ms" else name for name in Candle.__slots__]
        with self.sql.cursor() as cursor:
            execute_values(
                cursor, f"INSERT INTO candle ({', '.join(names)}, status) VALUES %s", rows
            )


def world_context(bundle: Bundle, clock: SettableClock, folder: Path) -> PipelineContext:
    """Return the settings of the forecast query in a test's namespace, with short graces."""
    return PipelineContext(
        run=bundle.run.model_copy(update={"symbols": SYMBOLS}),
        exchange=ExchangeSettings(rest_url=clock.url),
        kafka=bundle.kafka,
        hdfs=bundle.hdfs,
        postgres=bundle.postgres,
        s3=bundle.s3,
        spark=bundle.spark,
        candle=CandleSettings(),
        forecast=ForecastSettings(
            close_grace_s=1.5,
            close_grace_floor_s=1.5,
            scoring_timeout_s=20,
            staging_dir=folder / "staging",
        ),
    )


def build_untrained_model(folder: Path) -> UntrainedModel:
    """Write `lstm-7.keras` of an untrained network, which is naive + EWMA bands."""
    from model.network import build_network, save_network, weights_hash

    network = build_network(FeatureSpec(SYMBOLS), BASE)
    save_network(network, folder / "lstm-7.keras")
    return UntrainedModel(folder, weights_hash(network))
