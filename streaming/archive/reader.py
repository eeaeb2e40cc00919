"""Read trades back from the archive, exact, each id once.

A day that is being compacted has for a moment no folder, and afterwards other files: a reader that meets
this asks again, so it sees the day before or after, never half of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.webhdfs import WebHDFS
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from conf.connections.hdfs_folders import names_in
from conf.names import HOUR_MS, Namespace, epoch_ms, hour_open_ms
from streaming.archive.layout import hour_folder
from streaming.archive.schema import TRADES
from streaming.archive.swap_note import is_being_swapped

ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class ArchivedTrade:
    """One trade of the archive. Times are UTC epoch ms; price and quantity are exact.

    Attributes:
        event_time_ms: when the exchange sent it; None from REST.
        received_time_ms: when the producer received it, by the exchange's clock.
        source: ``STREAM`` or ``REST``.
        kafka_partition: where its record stood in the topic `trades`.
        kafka_offset: where its record stood in that partition.
    """

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    trade_time_ms: int
    event_time_ms: int | None
    received_time_ms: int
    source: str
    kafka_partition: int
    kafka_offset: int


class _DayMovedError(OSError):
    """The files of a day changed while they were read."""


def read_hour(
    files: WebHDFS, namespace: Namespace, symbol: str, open_ms: int
) -> list[ArchivedTrade]:
    """Return the archived trades of one symbol and hour, by id, each id once.

    Of records with the same id (a doubled input, or a topic that was archived from two checkpoints)
    the one of the lowest offset counts, as for whoever reads the topic from its beginning.

    Args:
        files: HDFS, see `conf.connections.hdfs.open_hdfs`.
        namespace: whose archive.
        symbol: upper case.
        open_ms: open time of the hour, UTC epoch ms.

    Returns:
        The trades; empty if the archive has none (yet).

    Raises:
        OSError: if HDFS is away.
    """
    retrying = Retrying(
        retry=retry_if_exception_type((_DayMovedError, FileNotFoundError)),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
    table: pa.Table = retrying(_read_table, files, namespace, symbol, open_ms)
    found: dict[int, dict[str, Any]] = {}
    for row in table.to_pylist():
        found.setdefault(row["trade_id"], row)
    return [_trade(row) for row in found.values()]


def read_range(
    files: WebHDFS, namespace: Namespace, symbol: str, from_ms: int, until_ms: int
) -> Iterator[ArchivedTrade]:
    """Yield the archived trades of a symbol with from_ms ≤ trade time < until_ms (UTC epoch ms).

    Hour after hour, within an hour by id; memory for one hour. Raises as `read_hour`.
    """
    for open_ms in range(hour_open_ms(from_ms), until_ms, HOUR_MS):
        for trade in read_hour(files, namespace, symbol, open_ms):
            if from_ms <= trade.trade_time_ms < until_ms:
                yield trade


def _read_table(files: WebHDFS, namespace: Namespace, symbol: str, open_ms: int) -> pa.Table:
    """Return the rows of a symbol in an hour, by id and offset."""
    folder = hour_folder(namespace.archive_dir, open_ms)
    paths = names_in(files, folder)
    parts = []
    for path in paths:
        with files.open(path, "rb") as stream:
            # Files are sorted by symbol: row groups of other symbols are not even fetched.
            parts.append(pq.read_table(stream, schema=TRADES, filters=[("symbol", "==", symbol)]))
    if is_being_swapped(files, namespace, namespace.archive_dir, open_ms) or (
        names_in(files, folder) != paths
    ):
        message = f"{folder} changed while it was read"
        raise _DayMovedError(message)
    table = pa.concat_tables(parts) if parts else TRADES.empty_table()
    order = [(name, "ascending") for name in ("trade_id", "kafka_offset", "kafka_partition")]
    return table.sort_by(order)


def _trade(row: dict[str, Any]) -> ArchivedTrade:
    event_time = row["event_time"]
    return ArchivedTrade(
        symbol=row["symbol"],
        trade_id=row["trade_id"],
        price=row["price"],
        quantity=row["quantity"],
        buyer_is_maker=row["buyer_is_maker"],
        trade_time_ms=epoch_ms(row["trade_time"]),
        event_time_ms=None if event_time is None else epoch_ms(event_time),
        received_time_ms=epoch_ms(row["received_time"]),
        source=row["source"],
        kafka_partition=row["kafka_partition"],
        kafka_offset=row["kafka_offset"],
    )
