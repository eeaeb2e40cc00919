"""Final candles as Parquet on HDFS, one file per symbol, hour and revision.

Guarantee: effectively once per (symbol, hour, revision): the name follows from the candle, and
writing it again replaces it by the same content. A reader never sees half a file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.webhdfs import WebHDFS

from conf.abort import AbortSwitch
from conf.connections.hdfs_folders import names_in, remove_abandoned
from conf.contracts.candles import Candle
from conf.names import Namespace, utc_time

# Each file costs a few round trips to namenode and datanode; ten symbols close at the same moment.
THREADS = 5
# Hours change for a week at most (the watermark), and one of grace.
NEWEST_DAYS = 8

# As many digits as Parquet's decimals have; the usual 28 are too few for a large quote volume.
_WIDE = Context(prec=38)
_PRICE = pa.decimal128(38, 8)
_NOTIONAL = pa.decimal128(38, 16)
SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("open_time", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("revision", pa.int32(), nullable=False),
        ("open", _PRICE),
        ("high", _PRICE),
        ("low", _PRICE),
        ("close", _PRICE),
        ("volume", _PRICE),
        ("quote_volume", _NOTIONAL),
        ("taker_buy_volume", _PRICE),
        ("taker_buy_quote_volume", _NOTIONAL),
        ("trades", pa.int64()),
        ("first_trade_id", pa.int64()),
        ("last_trade_id", pa.int64()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("witness", pa.string()),
        ("source", pa.string()),
    ]
)


def parquet_bytes(candles: Sequence[Candle]) -> bytes:
    """Return a Parquet file of candles; prices decimal(38,8), quote volumes decimal(38,16)."""
    columns = [
        pa.array([_cell(candle, field) for candle in candles], type=field.type) for field in SCHEMA
    ]
    buffer = io.BytesIO()
    # Of a single row a dictionary and statistics say everything once more, and nothing is left to
    # compress: without them a file has half the size and is read in half the time.
    pq.write_table(
        pa.Table.from_arrays(columns, schema=SCHEMA),
        buffer,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
    )
    return buffer.getvalue()


def _cell(candle: Candle, field: pa.Field) -> Any:
    if field.name == "open_time":
        return utc_time(candle.open_time_ms)
    value = getattr(candle, field.name)
    if isinstance(value, Decimal):
        return value.quantize(Decimal(1).scaleb(-field.type.scale), context=_WIDE)
    return value


def clear_up(files: WebHDFS, namespace: Namespace, now_s: float) -> list[str]:
    """Remove what killed writers left in the newest days' folders; return the paths.

    Only these can have been written to since the last start: each start looks at them.

    Raises:
        OSError: if HDFS refuses or does not answer.
    """
    days = names_in(files, namespace.candles_dir)
    return [path for day in days[-NEWEST_DAYS:] for path in remove_abandoned(files, day, now_s)]


class CandleFiles:
    """Writes candle files through a function that replaces a file on HDFS."""

    def __init__(
        self,
        namespace: Namespace,
        write: Callable[[str, bytes], None],
        abort: AbortSwitch | None = None,
    ) -> None:
        """Take whose files these are and how to write one: `write(path, content)`, thread-safe."""
        self._abort = abort or AbortSwitch(None)
        self._namespace = namespace
        self._write = write
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="candle-files")

    def write(self, candles: Sequence[Candle]) -> None:
        """Write one file per candle; returns when all are there.

        Raises:
            OSError: if HDFS refuses one of them; some of the others may be there.
        """
        list(self._threads.map(self._write_one, candles))

    def _write_one(self, candle: Candle) -> None:
        path = self._namespace.candle_file(candle.symbol, candle.open_time_ms, candle.revision)
        self._write(path, parquet_bytes([candle]))
        self._abort.at("file_written")

    def close(self) -> None:
        """End the threads after their present file."""
        self._threads.shutdown()
