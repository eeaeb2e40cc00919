"""Rows → sorted files of one hour each in a folder that no reader knows, written by Spark's executors.

Not by the driver: a batch of ten minutes has a million rows, one of a catch-up many more; Spark sorts them
within its own memory and spills what does not fit.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

import pyarrow.parquet as pq
from fsspec.implementations.webhdfs import WebHDFS
from pyspark.sql import DataFrame, SparkSession

from conf.connections.hdfs_folders import files_below
from streaming.archive.records import OPEN_MS

# Sorted by symbol, so that a reader of one symbol skips the row groups of the others; by default a
# group has 128 MB, which is a whole hour.
ROW_GROUP_BYTES = 8 * 1024 * 1024
PARQUET_OPTIONS = {"compression": "zstd", "parquet.block.size": str(ROW_GROUP_BYTES)}
CSV_OPTIONS = {"header": "true", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"}
# Tasks write straight into the staged folder, which counts for nothing until it is whole.
COMMITTER = {
    "mapreduce.fileoutputcommitter.algorithm.version": "2",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}


def stage_parquet(
    rows: DataFrame, url: str, order: Sequence[str], tasks: int, hour: str = OPEN_MS
) -> None:
    """Write rows as one sorted Parquet file per hour, in a folder ``HOUR=…`` each.

    Args:
        rows: what to write.
        url: folder with its scheme; it must not exist.
        order: columns to sort by within an hour.
        tasks: how many tasks may work at it, each on hours of its own.
        hour: column that tells the hours apart.
    """
    frame = _by_hour(rows, order, tasks, hour)
    frame.write.options(**PARQUET_OPTIONS, **COMMITTER).partitionBy(hour).parquet(url)


def stage_csv(
    session: SparkSession, source: str, url: str, order: Sequence[str], tasks: int
) -> None:
    """Write staged trades once more, as one sorted CSV file with a header per hour.

    Times are ISO 8601 in UTC; prices and quantities are plain decimals, never in exponents.
    """
    rows = session.read.parquet(source)
    # As text they are plain (ANSI); Spark's CSV writer by itself writes 1E-8.
    plain = {name: rows[name].cast("string") for name in ("price", "quantity")}
    frame = _by_hour(rows.withColumns(plain), order, tasks, OPEN_MS)
    frame.write.options(**CSV_OPTIONS, **COMMITTER).partitionBy(OPEN_MS).csv(url)


def _by_hour(rows: DataFrame, order: Sequence[str], tasks: int, hour: str) -> DataFrame:
    return rows.repartition(tasks, hour).sortWithinPartitions(hour, *order)


def staged_files(files: WebHDFS, folder: str) -> dict[int, list[str]]:
    """Return the paths of staged files by the open time (UTC epoch ms) of their hour."""
    staged: dict[int, list[str]] = {}
    for path in files_below(files, folder):
        hour = posixpath.basename(posixpath.dirname(path))
        staged.setdefault(int(hour.removeprefix(f"{OPEN_MS}=")), []).append(path)
    return staged


def rows_in(files: WebHDFS, path: str) -> int:
    """Return how many rows a Parquet file has, by its footer."""
    with files.open(path, "rb") as stream:
        return int(pq.ParquetFile(stream).metadata.num_rows)
