"""The candle files of a range of hours on HDFS: of each hour the newest revision, many read at once."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Collection

import pyarrow as pa

from conf.connections.hdfs import open_hdfs
from conf.connections.hdfs_folders import names_in, parquet_rows
from conf.connections.hdfs_many import read_files
from conf.contracts.candles import Candle
from conf.names import Namespace
from conf.settings import HdfsSettings
from streaming.failures import first_line
from streaming.reconcile.compare import Key
from streaming.reconcile.findings import StoreContent
from streaming.reconcile.ranges import HourRange
from streaming.reconcile.readers import candle_of_row

CandleFile = tuple[str, int, int]
"""Symbol, open time in UTC epoch ms and revision that a file's name states."""


def parse_candle_file(name: str) -> CandleFile | None:
    """Return what the name of a candle's file states; None if it is no such name."""
    stem, dot, extension = name.rpartition(".")
    parts = stem.rsplit("-", 2)
    if name.startswith((".", "_")) or not dot or extension != "parquet" or len(parts) != 3:
        return None
    symbol, open_ms, revision = parts
    if not (symbol and open_ms.isdigit() and revision[:1] == "r" and revision[1:].isdigit()):
        return None
    return symbol, int(open_ms), int(revision[1:])


async def parquet_content(
    settings: HdfsSettings, namespace: Namespace, hours: HourRange, symbols: Collection[str]
) -> StoreContent:
    """Return the newest file of each hour of a range; the folders of its dates alone are listed.

    Raises:
        OSError: if HDFS does not answer; a single file that cannot be read is part of the result.
    """
    files = open_hdfs(settings)
    newest: dict[Key, tuple[int, str]] = {}
    for date in hours.dates():
        for path in await asyncio.to_thread(
            names_in, files, f"{namespace.candles_dir}/date={date}"
        ):
            found = parse_candle_file(posixpath.basename(path))
            if found is not None and found[0] in symbols and found[1] in hours:
                key = found[:2]
                newest[key] = max(newest.get(key, (0, "")), (found[2], path))
    keys = {path: key for key, (_, path) in newest.items()}
    content = StoreContent()
    async for path, raw in read_files(files, list(keys)):
        candle = _candle(path, raw)
        if isinstance(candle, str):
            content.unreadable[keys[path]] = candle
        else:
            content.add(candle)
    return content


def _candle(path: str, raw: bytes | OSError) -> Candle | str:
    """Return the candle of a file's content, or why it has none."""
    if isinstance(raw, OSError):
        return f"the file cannot be read: {raw}"
    try:
        (candle,) = map(candle_of_row, parquet_rows(raw))
    except (pa.ArrowException, ValueError, KeyError) as error:
        return f"the file is no candle: {first_line(error)}"
    stated = parse_candle_file(posixpath.basename(path))
    if stated != (candle.symbol, candle.open_time_ms, candle.revision):
        return f"the file holds {candle.symbol} {candle.open_time_ms} r{candle.revision}"
    return candle
