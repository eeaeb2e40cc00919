"""A namespace with an exchange's past, of which a test stores, damages, compares and repairs hours."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from conf.connections.hdfs import open_hdfs, write_replacing
from conf.contracts.candles import Candle
from conf.contracts.trades import TradeRecord, unscaled
from conf.names import HOUR_MS, utc_time
from producers.topics import ensure_topics
from streaming.archive.layout import hour_folder
from streaming.archive.schema import TRADES
from streaming.candles.query import build_sink
from streaming.candles.table import Batch
from streaming.context import PipelineContext
from streaming.reconcile.job import Report, Request, reconcile
from streaming.repair.job import Repaired, request, work_off
from tests.support.bundle import Bundle
from tests.support.candle_records import closing, trade
from tests.support.candle_rows import row
from tests.support.candle_run import context_of, execute, in_all_stores
from tests.support.exchange import ExchangeServer

SYMBOLS = ("BTCUSDT", "DOTUSDT")
HOURS = 4


EXCHANGE = {
    "NEXTHOUR_STANDIN_HOLD": "true",
    "NEXTHOUR_STANDIN_SYMBOLS": ",".join(SYMBOLS),
    "NEXTHOUR_STANDIN_HISTORY_HOURS": "48",
    "NEXTHOUR_STANDIN_TRADES_PER_HOUR": "600",
    "NEXTHOUR_STANDIN_WEIGHT_LIMIT": "1000000",
}
"""Variables of an exchange whose clock stands still, with a past."""


@dataclass
class World:
    """A namespace whose stream has not written anything yet, and an exchange with a past."""

    context: PipelineContext
    exchange: ExchangeServer
    first_ms: int

    def hour(self, n: int) -> int:
        return self.first_ms + n * HOUR_MS

    def trades(self, symbol: str, open_ms: int) -> list[TradeRecord]:
        """Return an hour's trades as the exchange's REST serves them."""
        rows: Any = httpx.get(
            f"{self.exchange.rest_url}/api/v3/aggTrades",
            params={"symbol": symbol, "startTime": open_ms, "limit": 1},
        ).json()
        served: Any = httpx.get(
            f"{self.exchange.rest_url}/api/v3/historicalTrades",
            params={"symbol": symbol, "fromId": rows[0]["f"], "limit": 1000},
        ).json()
        return [
            trade(
                row["id"],
                row["price"],
                row["qty"],
                at_ms=row["time"],
                symbol=symbol,
                is_taker_sale=row["isBuyerMaker"],
            )
            for row in served
            if row["time"] < open_ms + HOUR_MS
        ]

    def stream_writes(self, *hours: tuple[str, int], without: int = 0, batch: int = 0) -> None:
        """Store hours as a batch of the candles query does; `without` ids in the middle are a gap."""
        sink = build_sink(self.context)
        sink.store([self.row(*hour, without) for hour in hours], Batch("candles", "one", batch))
        sink.close()

    def row(self, symbol: str, open_ms: int, without: int = 0) -> dict[str, Any]:
        trades = self.trades(symbol, open_ms)
        middle = len(trades) // 2
        left = trades[:middle] + trades[middle + without :]
        close = closing(trades, symbol=symbol, open_time_ms=open_ms)
        changes = {"symbol": symbol, "open_time_ms": open_ms, "gap_ids": without or None}
        return row(left, [close], **changes)

    def compare(self, **changes: Any) -> Report:
        chosen = {"from_ms": self.first_ms, "until_ms": self.hour(HOURS), **changes}
        chosen.setdefault("second_look_s", 0.1)  # nothing else runs here
        return asyncio.run(reconcile(self.context, Request(SYMBOLS, **chosen)))

    def repair(self, *hours: tuple[str, int]) -> dict[tuple[str, int], Repaired]:
        request(self.context, hours, "a test")
        done = asyncio.run(work_off(self.context, hours))
        return {(one.symbol, one.open_time_ms): one for one in done}

    def all_hours(self) -> list[tuple[str, int]]:
        return [(symbol, self.hour(n)) for symbol in SYMBOLS for n in range(HOURS)]

    def stored_alike(self) -> dict[tuple[str, int, int], Candle]:
        """Return what all three stores hold, which must be the same."""
        stores = in_all_stores(self.context)
        assert stores["postgres"] == stores["parquet"] == stores["topic"]
        return stores["postgres"]

    def requests(self) -> list[tuple[object, ...]]:
        return execute(self.context, "SELECT symbol, state, revision FROM repair ORDER BY 1")


def open_world(settings: Bundle, exchange: ExchangeServer) -> World:
    """Return the world of a test: its topics are made, its hours lie in the exchange's past."""
    ensure_topics(settings.kafka, settings.run)
    context = replace(
        context_of(settings),
        run=settings.run.model_copy(update={"symbols": SYMBOLS}),
        exchange=exchange.settings,
    )
    status: Any = exchange.get("/status")
    return World(context, exchange, int(status["live_start_ms"]) - 10 * HOUR_MS)


def archive_trades(
    world: World, symbol: str, open_ms: int, *, without: int = 0, falsified: bool = False
) -> None:
    """Write an hour's trades as the archive query does; some in the middle are lost."""
    trades = world.trades(symbol, open_ms)
    middle = len(trades) // 2
    rows = [
        {
            "symbol": record.symbol,
            "trade_id": record.trade_id,
            "price": unscaled(
                (record.price or 0) + (record.trade_id == trades[3].trade_id) * falsified
            ),
            "quantity": unscaled(record.quantity or 0),
            "buyer_is_maker": record.buyer_is_maker,
            "trade_time": utc_time(record.trade_time_ms),
            "event_time": None,
            "received_time": utc_time(record.received_time_ms),
            "source": "STREAM",
            "kafka_partition": 0,
            "kafka_offset": position,
        }
        for position, record in enumerate(trades[:middle] + trades[middle + without :])
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, TRADES), buffer)
    folder = hour_folder(world.context.namespace.archive_dir, open_ms)
    write_replacing(open_hdfs(world.context.hdfs), f"{folder}/c-0-00000.parquet", buffer.getvalue())
