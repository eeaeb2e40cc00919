"""Hourly candles of the stand-in exchange's market, as a folder that `nexthour evaluate` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from conf.names import HOUR_MS
from conf.settings import DEFAULT_SYMBOLS
from exchange.listings import select_listings
from exchange.market import CHUNK_HOURS, Market

TRADES_PER_HOUR = 100_000


def write_market(folder: Path, seed: int, start_ms: int, hours: int, *, signal: bool) -> Path:
    """Write ``SYMBOL-1h.parquet`` of the ten coins; return the folder.

    Args:
        folder: where.
        seed: of all draws.
        start_ms: open time of the first hour, UTC epoch ms.
        hours: how many, rounded up to whole weeks.
        signal: whether steps reverse their sign more often than not, as the real ones do.
    """
    listings = select_listings(DEFAULT_SYMBOLS)
    market = Market(listings, seed, start_ms, TRADES_PER_HOUR, signal=signal)
    weeks = [market.next_week() for _ in range(-(-hours // CHUNK_HOURS))]
    fields = ("open", "high", "low", "close", "volume", "trades")
    bars = {name: np.concatenate([getattr(week, name) for week in weeks]) for name in fields}
    times = start_ms + HOUR_MS * np.arange(len(bars["open"]), dtype=np.int64)
    folder.mkdir(parents=True, exist_ok=True)
    for column, listing in enumerate(listings):
        prices = {name: bars[name][:, column] / 10**listing.price_decimals for name in fields[:4]}
        table = pa.table(
            {
                "open_time": pa.array(times, pa.timestamp("ms", tz="UTC")),
                **prices,
                "volume": bars["volume"][:, column] / 10**listing.quantity_decimals,
                "trades": bars["trades"][:, column],
                "source": ["stand-in"] * len(times),
            }
        )
        pq.write_table(table, folder / f"{listing.symbol}-1h.parquet")
    return folder
