"""What lies in folders on HDFS: listings, partitions, rows of all files below, what killed writers left.

Visible is what Spark and Hive take for visible: names that begin with a dot or an underscore are being
written, or are notes. A folder that is not there has nothing in it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsspec.implementations.webhdfs import WebHDFS

from conf.connections.hdfs import REQUEST_TIMEOUT_S, TEMPORARY, read_file, remove, request

# Creating, writing and renaming a file are three requests: whoever is at it is done by then.
ABANDONED_AFTER_S = 4 * REQUEST_TIMEOUT_S


def names_in(files: WebHDFS, folder: str) -> list[str]:
    """Return the paths of the visible entries of a folder, sorted.

    Raises:
        OSError: if HDFS refuses or does not answer in time; so do all functions of this module.
    """
    return [entry["path"] for entry in _entries(files, folder) if _is_visible(entry["path"])]


def files_in(files: WebHDFS, folder: str) -> list[str]:
    """Return the paths of the visible files of a folder, not of its folders, sorted."""
    entries = _entries(files, folder)
    return [e["path"] for e in entries if _is_visible(e["path"]) and e["type"] == "FILE"]


def files_below(files: WebHDFS, folder: str) -> list[str]:
    """Return the paths of all visible files below a folder, sorted."""
    return sorted(_walk(files, folder))


def _walk(files: WebHDFS, folder: str) -> Iterator[str]:
    for entry in _entries(files, folder):
        if not _is_visible(entry["path"]):
            continue
        if entry["type"] == "DIRECTORY":
            yield from _walk(files, entry["path"])
        else:
            yield entry["path"]


def partitions(files: WebHDFS, folder: str, column: str) -> list[str]:
    """Return the values that a folder is partitioned into by a column (``column=VALUE``), sorted."""
    mark = f"{column}="
    names = (posixpath.basename(path) for path in names_in(files, folder))
    return sorted(name.removeprefix(mark) for name in names if name.startswith(mark))


def rows_below(files: WebHDFS, folder: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of all visible Parquet files below a folder, one file in memory at a time."""
    for path in files_below(files, folder):
        yield from parquet_rows(read_file(files, path))


def parquet_rows(content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file; raises pyarrow.ArrowException if it is none."""
    # A tenth of a second, which no process should pay that only lists or copies files.
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(content))
    # The files are small: handing their columns to other threads takes longer than reading them.
    rows: list[dict[str, Any]] = file.read(use_threads=False).to_pylist()
    return rows


def copy_to_local(files: WebHDFS, folder: str, target: Path) -> list[Path]:
    """Copy the visible files of a folder to a local folder; return the local files, by name."""
    target.mkdir(parents=True, exist_ok=True)
    copied = []
    for path in files_in(files, folder):
        copied.append(target / posixpath.basename(path))
        copied[-1].write_bytes(read_file(files, path))
    return copied


def remove_abandoned(files: WebHDFS, folder: str, now_s: float) -> list[str]:
    """Remove the temporary files of writers that were killed between writing and renaming.

    Args:
        files: where.
        folder: the folder itself, not those below it; it may be absent.
        now_s: wall clock, UTC epoch seconds; of the same time as the namenode's.

    Returns:
        The paths that are gone.
    """
    abandoned = [
        entry["path"]
        for entry in _entries(files, folder)
        if _is_temporary(posixpath.basename(entry["path"]))
        and now_s - entry["modificationTime"] / 1000 > ABANDONED_AFTER_S
    ]
    for path in abandoned:
        remove(files, path)
    return abandoned


def _entries(files: WebHDFS, folder: str) -> list[dict[str, Any]]:
    """Return WebHDFS's status of each entry, and its `path`, sorted by it."""
    try:
        answer = request(files, "GET", "LISTSTATUS", folder)
    except FileNotFoundError:
        return []
    entries: list[dict[str, Any]] = answer.json()["FileStatuses"]["FileStatus"]
    for entry in entries:
        entry["path"] = posixpath.join(folder, entry["pathSuffix"])
    return sorted(entries, key=lambda entry: str(entry["path"]))


def _is_visible(path: str) -> bool:
    return not posixpath.basename(path).startswith((".", "_"))


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(TEMPORARY)
