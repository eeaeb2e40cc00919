"""Folders and files of the archive on HDFS over WebHDFS: listings, renames, removals.

Every operation may be repeated: what is there already, or gone already, is no error.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import quote

import requests
from fsspec.implementations.webhdfs import WebHDFS

from conf.connections.hdfs import REQUEST_TIMEOUT_S
from conf.names import Namespace, utc_date
from streaming.archive.layout import day_folder, staging_dir

REPLACE, NEVER_REPLACE = "OVERWRITE", "NONE"


def names_in(files: WebHDFS, folder: str) -> list[str]:
    """Return the paths of the visible entries of a folder, sorted; none if there is no such folder."""
    try:
        found = files.ls(folder, detail=False)
    except FileNotFoundError:
        return []
    return [path for path in found if not posixpath.basename(path).startswith((".", "_"))]


def files_below(files: WebHDFS, folder: str) -> list[str]:
    """Return the paths of all visible files below a folder, sorted."""
    return sorted(_walk(files, folder))


def _walk(files: WebHDFS, folder: str) -> Iterator[str]:
    try:
        entries = files.ls(folder, detail=True)
    except FileNotFoundError:
        return
    for entry in entries:
        if posixpath.basename(entry["name"]).startswith((".", "_")):
            continue
        if entry["type"] == "directory":
            yield from _walk(files, entry["name"])
        else:
            yield entry["name"]


def hour_files(files: WebHDFS, folder: str) -> list[str]:
    """Return the paths of the files of one hour, sorted; none if the hour has none."""
    return names_in(files, folder)


def days_of(files: WebHDFS, tree: str) -> list[str]:
    """Return the dates, ``YYYY-MM-DD``, that a tree has a folder for, oldest first."""
    mark = "date="
    names = (posixpath.basename(path) for path in names_in(files, tree))
    return sorted(name.removeprefix(mark) for name in names if name.startswith(mark))


def exists(files: WebHDFS, path: str) -> bool:
    """Tell whether there is such a file or folder; unlike fsspec's own, an outage is an error."""
    try:
        files.info(path)
    except FileNotFoundError:
        return False
    return True


def remove(files: WebHDFS, path: str) -> None:
    """Remove a file, or a folder with all in it; for readers it is gone at once."""
    files.rm(path, recursive=True)


def rename(files: WebHDFS, source: str, target: str, how: str = NEVER_REPLACE) -> None:
    """Rename a file or folder at once; the target's folder is made if need be.

    Args:
        files: HDFS.
        source: what to rename.
        target: its new path.
        how: `REPLACE` puts a file in the place of another one; `NEVER_REPLACE` refuses to.

    Raises:
        OSError: if HDFS refuses: source missing, target in the way.
    """
    files.mkdir(posixpath.dirname(target))
    answer: requests.Response = files.session.put(
        files.url + quote(source, safe="/="),
        params={"op": "RENAME", "destination": target, "renameoptions": how, **files.pars},
        timeout=REQUEST_TIMEOUT_S,
    )
    answer.raise_for_status()
    if answer.content and answer.json().get("boolean") is False:
        # An HttpFS gateway does not know the option and never replaces.
        if how != REPLACE:
            message = f"HDFS does not rename {source} to {target}"
            raise OSError(message)
        remove(files, target)
        files.mv(source, target)


def swap_note(namespace: Namespace, tree: str, date: str) -> str:
    """Return the path of the note that is there while a day's folder is being replaced."""
    return f"{staging_dir(namespace)}/swap/{posixpath.basename(tree)}/{date}.json"


def is_being_swapped(files: WebHDFS, namespace: Namespace, tree: str, time_ms: int) -> bool:
    """Tell whether the day of a time has no folder just now because it is being replaced."""
    date = utc_date(time_ms)
    return exists(files, swap_note(namespace, tree, date)) and not exists(
        files, day_folder(tree, date)
    )
