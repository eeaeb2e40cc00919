"""A day of the archive while its folder is being replaced: the note that says so, and how to notice."""

from __future__ import annotations

import posixpath

from fsspec.implementations.webhdfs import WebHDFS

from conf.connections.hdfs import exists
from conf.names import Namespace, utc_date
from streaming.archive.layout import day_folder, staging_dir


def swap_note(namespace: Namespace, tree: str, date: str) -> str:
    """Return the path of the note that is there while a day's folder is being replaced."""
    return f"{staging_dir(namespace)}/swap/{posixpath.basename(tree)}/{date}.json"


def is_being_swapped(files: WebHDFS, namespace: Namespace, tree: str, time_ms: int) -> bool:
    """Tell whether the day of a time has no folder just now because it is being replaced."""
    date = utc_date(time_ms)
    return exists(files, swap_note(namespace, tree, date)) and not exists(
        files, day_folder(tree, date)
    )
